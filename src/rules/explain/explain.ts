import type { BufferDefinition } from '../../app/protocol.ts';
import { ContentDraft } from '../content-draft.ts';
import type { RuleDraft } from '../draft.ts';
import type { Keyword } from '../keyword.ts';
import { BUFFER_MODIFIERS } from '../keywords/buffers.ts';
import type { ParsedOption } from '../parser.ts';
import type { Rule } from '../rule.ts';
import { flowbitsOf } from '../selection/flowbit-needs.ts';
import { contentWords, shownBytes } from './content-words.ts';

/** A rule in words. */
export interface Explanation {
  /** Which traffic it is about. */
  readonly traffic: readonly string[];
  /** In the order of the rule: where it looks, and what must be there. */
  readonly conditions: readonly { readonly where: string; readonly what: string }[];
  /** What is done beside the action. */
  readonly effects: readonly string[];
  readonly fastPattern: string;
}

/** `draft` and `rule` are of the same text; `keywords` by name and alias. */
export function explainRule(draft: RuleDraft, rule: Rule, keywords: ReadonlyMap<string, Keyword>): Explanation {
  const conditions: { where: string; what: string }[] = [];
  const effects: string[] = [];
  for (const [i, option] of draft.parsed.options.entries()) {
    const name = option.name.text;
    const keyword = keywords.get(name);
    const buffer = draft.optionBuffers[i] ?? null;
    const isEntry = buffer !== (draft.optionBuffers[i - 1] ?? null);
    // What follows says where it looks.
    if (keyword === undefined || isEntry || SAID_ELSEWHERE.has(name)) continue;
    const content = contentOf(draft, option);
    if (content !== null) {
      const isFound = content === foundBy(draft, rule);
      const inspection = draft.inspections.find(({ steps }) => steps.includes(content));
      const what = contentWords(content) + (isFound ? ' (the fast pattern)' : '');
      conditions.push({ where: bufferWords(inspection?.choice?.definition ?? null), what });
    } else if (name === 'pcre') {
      const { text } = option.value ?? { text: '' };
      const what = text.startsWith('!') ? `no match of ${text.slice(1).trim()}` : `a match of ${text}`;
      conditions.push({ where: bufferWords(bufferOfExpression(draft, option) ?? buffer), what });
    } else if (name === 'flowbits') {
      const { text, isQuestion } = flowbitWords(option);
      if (isQuestion) conditions.push({ where: FLOW, what: text });
      else effects.push(text);
    } else {
      const written = option.value === null ? name : `${name}:${option.value.text}`;
      const where = LOOKS_INTO_BUFFER.has(name) ? bufferWords(buffer) : PACKET;
      conditions.push({ where, what: `${written} (${keyword.summary})` });
    }
  }
  return { traffic: trafficWords(draft, rule), conditions, effects, fastPattern: fastPatternWords(draft, rule) };
}

const PAYLOAD = 'payload';
const PACKET = 'packet or flow';
const FLOW = 'flow';

const bufferWords = (buffer: BufferDefinition | null): string =>
  buffer === null ? PAYLOAD : [buffer.name, buffer.summary].filter((words) => words !== '').join(': ');

/** What the header, the metadata and the contents say. */
const SAID_ELSEWHERE = new Set([
  ...(
    'msg sid gid rev classtype priority reference metadata target flow nocase rawbytes offset depth startswith endswith ' +
    'distance within fast_pattern noalert'
  ).split(' '),
  ...Object.keys(BUFFER_MODIFIERS),
]);

/** Of those that are told by their summary: what looks into the buffer that was named last. */
const LOOKS_INTO_BUFFER = new Set(
  'isdataat bsize byte_test byte_jump byte_extract byte_math base64_decode dataset datarep'.split(' '),
);

function contentOf({ inspections }: RuleDraft, { name, value }: ParsedOption): ContentDraft | null {
  if (value === null || (name.text !== 'content' && name.text !== 'uricontent')) return null;
  const end = value.at + value.text.length;
  for (const { steps } of inspections) {
    for (const step of steps) if (step instanceof ContentDraft && step.at >= value.at && step.at < end) return step;
  }
  return null;
}

/** That which a flag of the expression names; null: it looks where those before it do. */
function bufferOfExpression({ expressions, context }: RuleDraft, { value }: ParsedOption): BufferDefinition | null {
  if (value === null) return null;
  const expression = expressions.find(({ at }) => at >= value.at && at < value.at + value.text.length);
  return context.buffersByName.get(expression?.buffer ?? '')?.[0]?.definition ?? null;
}

function flowbitWords(option: ParsedOption): { readonly text: string; readonly isQuestion: boolean } {
  const [{ command, names } = { command: '', names: [] }] = flowbitsOf({ options: [option] });
  const bits = names.join(' or ');
  switch (command) {
    case 'isset':
      return { text: `carries the mark ${bits}`, isQuestion: true };
    case 'isnotset':
      return { text: `does not carry the mark ${bits}`, isQuestion: true };
    case 'set':
      return { text: `marks the flow: ${bits}`, isQuestion: false };
    case 'unset':
      return { text: `takes the mark ${bits} from the flow`, isQuestion: false };
    case 'toggle':
      return { text: `sets the mark ${bits} of the flow, or takes it away where it is`, isQuestion: false };
    default:
      return { text: 'never alerts', isQuestion: false };
  }
}

function trafficWords({ parsed }: RuleDraft, rule: Rule): string[] {
  const { source, sourcePorts, destination, destinationPorts, isBidirectional } = parsed;
  const { direction, state, stream } = rule.flow;
  const side = (addresses: string, ports: string): string =>
    addresses === 'any' && ports === 'any' ? 'anywhere' : `${addresses}, port ${ports}`;
  const between = isBidirectional ? ['between', 'and'] : ['from', 'to'];
  const apps = rule.protocol.apps?.join(' or ') ?? null;
  return [
    `${rule.protocol.name} ${between[0]} ${side(source.text, sourcePorts.text)} ` +
      `${between[1]} ${side(destination.text, destinationPorts.text)}`,
    ...(apps !== null && TRANSPORTS.has(rule.protocol.name) ? [`where it is ${apps}`] : []),
    ...(direction === 'toserver'
      ? ['what the client sends']
      : direction === 'toclient'
        ? ['what the server sends']
        : []),
    ...(state === 'established' ? ['in established connections'] : []),
    ...(state === 'not_established' ? ['outside of established connections'] : []),
    ...(stream === 'only_stream' ? ['only what became part of a stream'] : []),
    ...(stream === 'no_stream' ? ['only single packets'] : []),
  ];
}

/** Headers that name no application protocol. */
const TRANSPORTS = new Set(['tcp', 'udp', 'sctp', 'ip', 'ipv4', 'ipv6', 'ip4', 'ip6', 'tcp-pkt', 'tcp-stream']);

/** Which content the fast pattern was taken from. */
function foundBy(draft: RuleDraft, { fastPattern }: Rule): ContentDraft | null {
  if (fastPattern === null) return null;
  if (draft.fastPattern !== null && !draft.fastPattern.isNegated) return draft.fastPattern;
  for (const { choice, steps } of draft.inspections) {
    if ((choice?.definition ?? null) !== fastPattern.buffer) continue;
    for (const step of steps) if (step instanceof ContentDraft && step.bytes === fastPattern.bytes) return step;
  }
  return null;
}

function fastPatternWords(draft: RuleDraft, { fastPattern, inspections }: Rule): string {
  const contents = draft.inspections.flatMap(({ steps }) => steps.filter((step) => step instanceof ContentDraft));
  const usable = contents.filter(({ isNegated }) => !isNegated);
  if (fastPattern === null) {
    if (inspections.length === 0) return 'none: it looks into no payload';
    const reason = contents.length === 0 ? 'it has no content' : 'its contents are negated, or in packet headers';
    return `none: ${reason}, so that it is tried wherever its header fits`;
  }
  const place = fastPattern.buffer?.name ?? 'the payload';
  const reason =
    draft.fastPattern !== null && usable.includes(draft.fastPattern)
      ? 'it says fast_pattern'
      : usable.length === 1
        ? 'there is no other'
        : 'the longest one, and of equals that of the rarest bytes, in the buffers that are preferred: those of ' +
          'transactions, then the payload, then method and status';
  return `${shownBytes(fastPattern.bytes)} in ${place}: ${reason}`;
}
