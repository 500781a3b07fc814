import { AddressMap } from '../base/address-map.ts';
import { type AddressRange, parseAddressRange } from '../base/address-range.ts';
import { type ListProblem, listLines } from './list-file.ts';

/** Suricata: SREP_MAX_CATS and SREP_MAX_VAL. */
const MAX_CATEGORY = 59;
export const MAX_REPUTATION = 127;

/** What is known of addresses, by the short name of a category. */
export type Reputation = ReadonlyMap<string, AddressMap>;

/** Categories by their number. */
export type ReputationCategories = ReadonlyMap<number, string>;

/** Reads Suricata's categories file: lines of `number,short name,description`. */
function parseReputationCategories(text: string): {
  readonly categories: ReputationCategories;
  readonly problems: readonly ListProblem[];
} {
  const categories = new Map<number, string>();
  const problems: ListProblem[] = [];
  for (const { line, text: entry } of listLines(text)) {
    const match = /^(\d{1,3})\s*,\s*([^,\s][^,]*?)\s*,/.exec(entry);
    const number = Number(match?.[1] ?? 0);
    if (match === null || number < 1 || number > MAX_CATEGORY) {
      problems.push({
        line,
        message: `expected "number,short name,description" with a number from 1 to ${MAX_CATEGORY}`,
      });
    } else {
      categories.set(number, match[2]!);
    }
  }
  return { categories, problems };
}

/** One line of a reputation list. */
export interface ReputationEntry {
  readonly network: AddressRange;
  readonly category: number;
  readonly score: number;
}

/** Reads one of Suricata's reputation lists: lines of `address or network,category number,score`. */
function parseReputationList(
  text: string,
  categories: ReputationCategories,
): { readonly entries: readonly ReputationEntry[]; readonly problems: readonly ListProblem[] } {
  const entries: ReputationEntry[] = [];
  const problems: ListProblem[] = [];
  for (const { line, text: entry } of listLines(text)) {
    const [address = '', ...numbers] = entry.split(',').map((part) => part.trim());
    const network = address.includes('-') ? null : parseAddressRange(address);
    if (network === null || numbers.length !== 2 || !numbers.every((number) => /^\d{1,3}$/.test(number))) {
      problems.push({ line, message: 'expected "address,category number,score", such as 192.0.2.0/24,1,100' });
      continue;
    }
    const [category, score] = numbers.map(Number) as [number, number];
    if (!categories.has(category)) problems.push({ line, message: `there is no category ${category}` });
    else if (score > MAX_REPUTATION) problems.push({ line, message: `a score is at most ${MAX_REPUTATION}` });
    else entries.push({ network, category, score });
  }
  return { entries, problems };
}

/** A file of reputation data, read. */
export interface ReputationText {
  readonly file: string;
  readonly text: string;
}

/**
 * The categories file with all lists, the later over the earlier. Every category is there, also one without addresses.
 */
export function readReputation(
  categoriesText: ReputationText,
  lists: readonly ReputationText[],
): { readonly reputation: Reputation; readonly problems: readonly (ListProblem & { readonly file: string })[] } {
  const { categories, problems } = parseReputationCategories(categoriesText.text);
  const all = problems.map((problem) => ({ ...problem, file: categoriesText.file }));
  const networks = new Map([...categories.keys()].map((category) => [category, [] as [AddressRange, number][]]));
  for (const { file, text } of lists) {
    const list = parseReputationList(text, categories);
    for (const problem of list.problems) all.push({ ...problem, file });
    for (const { network, category, score } of list.entries) networks.get(category)!.push([network, score]);
  }
  const reputation = new Map(
    [...categories].map(([category, name]) => [name, new AddressMap(networks.get(category)!)]),
  );
  return { reputation, problems: all };
}
