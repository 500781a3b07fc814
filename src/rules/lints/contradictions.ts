import type { BufferDefinition } from '../../app/protocol.ts';
import { LOWER_CASE, latin1 } from '../../base/bytes.ts';
import { ContentDraft } from '../content-draft.ts';
import type { InspectionDraft } from '../draft.ts';
import { shownBytes } from '../explain/content-words.ts';
import { flowbitsOf } from '../selection/flowbit-needs.ts';
import { parseUintRange } from '../values.ts';
import { atOption, atPlace, type LintedRule, type LintFinding, optionsWithBuffers } from './lint.ts';

const NAME = 'cannot-match';

/** Conditions of a rule that exclude each other. */
export function* contradictions(linted: LintedRule): Iterable<LintFinding> {
  yield* excludingNumbers(linted);
  yield* excludingFlags(linted);
  yield* excludingFlowbits(linted);
  for (const inspection of linted.draft.inspections) yield* excludingContents(inspection);
}

/** Keywords that compare one number, with the largest that there can be. */
const NUMBERS: Readonly<Record<string, number>> = {
  dsize: 65_535,
  bsize: Number.MAX_SAFE_INTEGER,
  urilen: 65_535,
  ttl: 255,
  id: 65_535,
  itype: 255,
  icode: 255,
  icmp_id: 65_535,
  icmp_seq: 65_535,
  seq: 0xffff_ffff,
  ack: 0xffff_ffff,
  window: 65_535,
};

/** Of those that say how long something is, the name of what; null: the payload, undefined: it is none of them. */
function sizedBy(keyword: string, buffer: BufferDefinition | null): string | null | undefined {
  if (keyword === 'bsize') return buffer?.name ?? null;
  return keyword === 'urilen' ? 'http.uri' : keyword === 'dsize' ? null : undefined;
}

function* excludingNumbers(linted: LintedRule): Iterable<LintFinding> {
  const { draft } = linted;
  const known = new Map<string, { min: number; max: number }>();
  for (const { option, buffer } of optionsWithBuffers(draft)) {
    const name = option.name.text;
    const most = NUMBERS[name];
    if (most === undefined || option.value === null) continue;
    const [text = '', form = ''] = option.value.text.split(',');
    const range = rangeOf(text.trim(), most);
    if (range === null || range.isNegated) continue;
    const key = `${name} ${form.trim()} ${name === 'bsize' ? buffer?.name : ''}`;
    const before = known.get(key) ?? { min: 0, max: most };
    const both = { min: Math.max(before.min, range.min), max: Math.min(before.max, range.max) };
    if (both.min > both.max) {
      yield atOption(NAME, option, `${name}:${option.value.text} excludes the ${name} before it`);
      continue;
    }
    known.set(key, both);
    if (name === 'dsize') yield* dataBeyond(linted, both.max);
    const sized = sizedBy(name, buffer);
    if (sized === undefined || form.trim() === 'raw') continue;
    const inspection = draft.inspections.find(({ choice }) => (choice?.definition.name ?? null) === sized);
    const longest = inspection === undefined ? null : farthestContent(inspection);
    if (longest !== null && longest.endsAt > both.max) {
      const message = `${shownBytes(longest.content.bytes)} ends at byte ${longest.endsAt} or later, and ${name} allows ${both.max} bytes`;
      yield atPlace(NAME, longest.content.at, 'content', message);
    }
  }
}

/** `isdataat` of the payload, beyond what the packet may have. */
function* dataBeyond({ draft }: LintedRule, maxBytes: number): Iterable<LintFinding> {
  for (const { option, buffer } of optionsWithBuffers(draft)) {
    if (option.name.text !== 'isdataat' || buffer !== null || !/^\d+$/.test(option.value?.text ?? '')) continue;
    if (Number(option.value?.text) <= maxBytes) continue;
    yield atOption(
      NAME,
      option,
      `isdataat:${option.value?.text} asks for more than the ${maxBytes} bytes that dsize allows`,
    );
  }
}

function rangeOf(text: string, max: number): ReturnType<typeof parseUintRange> | null {
  try {
    return parseUintRange(text, max, (message) => {
      throw new RangeError(message);
    });
  } catch (error) {
    // The keyword itself has taken it: it has a form of its own.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The content that needs the most bytes. */
function farthestContent({ steps }: InspectionDraft): { content: ContentDraft; endsAt: number } | null {
  let farthest: { content: ContentDraft; endsAt: number } | null = null;
  let cursor = 0;
  for (const step of steps) {
    if (!(step instanceof ContentDraft)) {
      // It may move back, or anywhere.
      cursor = 0;
      continue;
    }
    if (step.isNegated) continue;
    const start = step.isRelative ? cursor + Math.min(number(step.distance), 65_535) : number(step.offset);
    cursor = Math.max(0, start) + step.bytes.length;
    if (farthest === null || cursor > farthest.endsAt) farthest = { content: step, endsAt: cursor };
  }
  return farthest;
}

const number = (limit: ContentDraft['offset']): number => (typeof limit === 'number' ? limit : 0);

function* excludingFlags({ draft }: LintedRule): Iterable<LintFinding> {
  const tests = draft.tcpFlagTests;
  const last = draft.parsed.options.findLast(({ name }) => name.text === 'flags' || name.text === 'tcp.flags');
  if (last === undefined) return;
  for (let flags = 0; flags <= 0xff; flags++) if (tests.every((fits) => fits(flags))) return;
  yield atOption(NAME, last, 'no packet has all the flags that the rule asks for');
}

function* excludingFlowbits({ draft }: LintedRule): Iterable<LintFinding> {
  const options = draft.parsed.options.filter(({ name }) => name.text === 'flowbits');
  const bits = options.map((option) => ({ option, ...flowbitsOf({ options: [option] })[0]! }));
  for (const { option, command, names } of bits) {
    if (command !== 'isnotset' || names.length > 1) continue;
    const isAsked = bits.some((other) => other.command === 'isset' && other.names.join() === names[0]);
    if (isAsked) yield atOption(NAME, option, `the rule asks for the flowbit ${names[0]} to be set, and not to be`);
  }
}

function* excludingContents({ steps }: InspectionDraft): Iterable<LintFinding> {
  const contents = steps.filter((step) => step instanceof ContentDraft);
  const wanted = contents.filter(({ isNegated }) => !isNegated);
  const at = (content: ContentDraft, message: string): LintFinding => atPlace(NAME, content.at, 'content', message);
  for (const [i, content] of wanted.entries()) {
    const before = wanted.slice(0, i);
    const first = before.find((other) => differAtSameEnd(content, other, isFirst));
    if (first !== undefined) yield at(content, `no buffer can begin with both ${shown(first)} and ${shown(content)}`);
    const last = before.find((other) => differAtSameEnd(content, other, isLast));
    if (last !== undefined) yield at(content, `no buffer can end with both ${shown(last)} and ${shown(content)}`);
  }
  for (const content of contents) {
    if (!content.isNegated || content.isRelative || content.isPlaced || content.isAtEnd) continue;
    const holder = wanted.find((other) => holds(other, content));
    if (holder === undefined) continue;
    yield at(content, `${shown(content)} must be missing, and is in ${shown(holder)}, which must be there`);
  }
}

const shown = ({ bytes }: ContentDraft): string => shownBytes(bytes);

const isFirst = (content: ContentDraft): boolean =>
  content.isAtStart ||
  (content.depth === content.bytes.length && number(content.offset) === 0 && !content.hasVariables);
const isLast = (content: ContentDraft): boolean => content.isAtEnd;

/** Must both stand at this end, and differ there? */
function differAtSameEnd(a: ContentDraft, b: ContentDraft, isThere: (content: ContentDraft) => boolean): boolean {
  if (!isThere(a) || !isThere(b)) return false;
  const length = Math.min(a.bytes.length, b.bytes.length);
  const isCaseless = a.isCaseless || b.isCaseless;
  const part = ({ bytes }: ContentDraft): Uint8Array =>
    isThere === isFirst ? bytes.subarray(0, length) : bytes.subarray(bytes.length - length);
  return part(a).some((byte, i) => folded(byte, isCaseless) !== folded(part(b)[i]!, isCaseless));
}

/** Wherever `content` is, is `part` in it? */
function holds(content: ContentDraft, part: ContentDraft): boolean {
  if (content.isCaseless && !part.isCaseless) return false;
  const text = ({ bytes }: ContentDraft): string => latin1(bytes.map((byte) => folded(byte, part.isCaseless)));
  return text(content).includes(text(part));
}

const folded = (byte: number, isCaseless: boolean): number => (isCaseless ? LOWER_CASE[byte]! : byte);
