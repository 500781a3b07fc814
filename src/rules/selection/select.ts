import type { RuleDiagnostic } from '../rule.ts';
import {
  type ListEntry,
  type ListName,
  type ListText,
  listProblem,
  parseMatchers,
  parseModifications,
} from './lists.ts';
import { type ChangedRules, Selector } from './selector.ts';
import { isSilent, type SourceRule } from './source-rule.ts';

export interface Selection extends ChangedRules {
  readonly problems: readonly RuleDiagnostic[];
}

/**
 * Chooses and changes rules as suricata-update does: disables, enables and makes `drop` of each rule what its lists
 * name, applies modify.conf line by line, and puts back into force, without alerts, what sets a flowbit that is asked
 * for.
 */
export function selectRules(
  files: readonly ListText[],
  lists: Readonly<Partial<Record<ListName, ListText>>>,
): Selection {
  // Without lists, only rules with flowbits can change.
  const hasLists = Object.keys(lists).length > 0;
  const selector = new Selector(files, (_, rule) => hasLists || rule.includes('flowbits'));
  const problems: RuleDiagnostic[] = [];
  const entries = (name: 'disable' | 'enable' | 'drop'): Entries =>
    new Entries(lists[name] === undefined ? [] : parseMatchers(lists[name], problems));
  const [disable, enable, drop] = [entries('disable'), entries('enable'), entries('drop')];
  for (const choice of selector.choices) {
    const disabling = disable.match(choice.rule);
    if (disabling !== null && choice.rule.isEnabled)
      selector.setEnabled(choice, false, 'disabled', reasonOf(disabling));
    const enabling = enable.match(choice.rule);
    if (enabling !== null && !choice.rule.isEnabled) selector.setEnabled(choice, true, 'enabled', reasonOf(enabling));
    const dropping = drop.match(choice.rule);
    if (dropping !== null && !isSilent(choice.rule)) {
      selector.setText(choice, asDrop(choice.rule.text), 'dropped', reasonOf(dropping));
    }
  }
  const modifications = lists.modify === undefined ? [] : parseModifications(lists.modify, problems);
  for (const modification of modifications) {
    const matching = selector.choices.filter(({ rule }) => modification.matcher.matches(rule));
    if (matching.length === 0) problems.push(unmatched(modification));
    for (const choice of matching) {
      const { rule } = choice;
      const before = rule.isEnabled ? rule.text : `# ${rule.text}`;
      const after = modification.change(before);
      if (after === before || selector.replace(choice, after, reasonOf(modification))) continue;
      const message = `${rule.gid}:${rule.sid} would be no rule any more, and stays as it is: ${after.slice(0, 80)}`;
      problems.push(listProblem(modification.file, modification.line, 1, 'error', null, message));
    }
  }
  selector.enableNeeded();
  for (const list of [disable, enable, drop]) problems.push(...list.unmatched.map(unmatched));
  return { ...selector.result(), problems };
}

const reasonOf = ({ file, line, text }: ListEntry): string => `${file}:${line}: ${text}`;

const unmatched = ({ file, line, text }: ListEntry): RuleDiagnostic =>
  listProblem(file, line, 1, 'warning', 'unmatched-line', `no rule matches ${text}`);

/** What stands behind the action stays where it is. */
const asDrop = (text: string): string => text.replace(/^\w+/, (action) => 'drop'.padEnd(action.length));

/** The lines of one list; those that go by number are looked up. */
class Entries {
  readonly #byId = new Map<string, ListEntry[]>();
  readonly #others: ListEntry[] = [];
  readonly #unmatched: Set<ListEntry>;

  constructor(entries: readonly ListEntry[]) {
    this.#unmatched = new Set(entries);
    for (const entry of entries) {
      if (entry.matcher.ids === null) this.#others.push(entry);
      for (const id of entry.matcher.ids ?? []) this.#byId.set(id, [...(this.#byId.get(id) ?? []), entry]);
    }
  }

  get unmatched(): readonly ListEntry[] {
    return [...this.#unmatched];
  }

  /** The first line that means the rule. */
  match(rule: SourceRule): ListEntry | null {
    let first: ListEntry | null = null;
    for (const entry of [...(this.#byId.get(`${rule.gid}:${rule.sid}`) ?? []), ...this.#others]) {
      if (first !== null && !this.#unmatched.has(entry)) continue;
      if (!entry.matcher.matches(rule)) continue;
      this.#unmatched.delete(entry);
      first ??= entry;
    }
    return first;
  }
}
