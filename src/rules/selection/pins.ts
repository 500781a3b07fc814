import { basename } from 'node:path';
import { HOLD_KEY, type Hold, withHold } from '../hold.ts';
import type { ListText } from './lists.ts';
import { type ChangedRules, Selector } from './selector.ts';

/** What somebody has fixed about a rule, whatever files and lists say. `on`: in force, with its action. */
export type RulePin = 'on' | 'off' | Hold;

const EXTENSION = '.rules';
const SID = /\bsid\s*:\s*(\d+)/;

/**
 * Applies pins. Each is of one rule, by `gid:sid`, or of a file, by its name without `.rules`: a patch is a file. That
 * of a rule wins over that of its file. Rules that say themselves that they are held stay as they are.
 */
export function pinRules(files: readonly ListText[], pins: Readonly<Record<string, RulePin>>): ChangedRules {
  const sids = new Set(Object.keys(pins).map((id) => id.split(':').at(-1)));
  const isWanted = (file: string, rule: string): boolean =>
    !rule.includes(HOLD_KEY) && (pins[basename(file, EXTENSION)] !== undefined || sids.has(SID.exec(rule)?.[1] ?? ''));
  const selector = new Selector(files, isWanted);
  for (const choice of selector.choices) {
    const { gid, sid, file, text, isEnabled } = choice.rule;
    const id = [`${gid}:${sid}`, basename(file, EXTENSION)].find((known) => pins[known] !== undefined);
    if (id === undefined) continue;
    const pin = pins[id]!;
    const reason = `policy pin ${id} ${pin}`;
    if (pin === 'detect' || pin === 'soak') selector.setText(choice, withHold(text, pin, id), 'held', reason);
    else if (isEnabled !== (pin === 'on')) {
      selector.setEnabled(choice, pin === 'on', pin === 'on' ? 'enabled' : 'disabled', reason);
    }
  }
  return selector.result();
}
