import type { Config } from '../config/config.ts';
import type { RunCommand } from './command.ts';
import { type MachineFinding, ok, warning } from './machine-finding.ts';

/** Of the marks of packets and connections. */
const ALL_BITS = 0xffff_ffff;

/** A rule of somebody else that sets or compares marks. */
interface MarkUse {
  /** As the tool prints it. */
  readonly rule: string;
  /** Bits that it looks at or changes. */
  readonly mask: number;
}

/** More rules are not named. */
const NAMED_RULES = 3;

/** Whether the bits by which vpatch marks packets and connections are anybody else's too. */
export function marks({ bypass, queue }: Config, run: RunCommand): MachineFinding {
  const bits = [bypass.isEnabled === false ? 0 : bypass.mark, queue.rejectMark ?? 0];
  const own = bits.reduce((all, bit) => all | bit, 0);
  const uses = [
    ...['iptables-save', 'ip6tables-save', 'iptables-legacy-save'].flatMap((tool) =>
      iptablesMarks(run(tool, []).output),
    ),
    ...nftMarks(run('nft', ['list', 'ruleset']).output),
    ...routingMarks(run('ip', ['rule', 'list']).output),
  ];
  const shared = uses.filter(({ mask }) => (mask & own) !== 0);
  if (shared.length === 0)
    return ok('marks', uses.length === 0 ? 'nobody else marks packets' : 'nobody else has our bits');
  const rules = [...new Set(shared.map(({ rule }) => rule))];
  const more = rules.length > NAMED_RULES ? [`${rules.length - NAMED_RULES} more`] : [];
  const named = bits.filter((bit) => bit !== 0).map(hex);
  return warning(
    'marks',
    [...rules.slice(0, NAMED_RULES), ...more].join('; '),
    `they use bits of vpatch (${named.join(', ')}): connections may pass uninspected, be rejected, or be routed otherwise`,
    adviceOn(uses, own),
  );
}

/** `saved`: what iptables-save prints. */
export const iptablesMarks = (saved: string): MarkUse[] =>
  saved.split('\n').flatMap((line) => {
    if (!line.startsWith('-A ') || line.includes('VPATCH-')) return [];
    const masks = Array.from(line.matchAll(IPTABLES_MARK), ([, option, value, mask]) => {
      if (option!.endsWith('mask')) return Number(value);
      return mask === undefined ? ALL_BITS : Number(mask);
    });
    return masks.length === 0 ? [] : [{ rule: line, mask: unite(masks) }];
  });

const IPTABLES_MARK = /--(mark|set-mark|set-xmark|nfmask|ctmask) (0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?/g;

/** `ruleset`: what "nft list ruleset" prints. */
export function nftMarks(ruleset: string): MarkUse[] {
  const uses: MarkUse[] = [];
  let isSkipped = false;
  for (const line of ruleset.split('\n')) {
    if (line.startsWith('table ')) isSkipped = NFT_SKIPPED.test(line);
    if (isSkipped || !NFT_MARK.test(line)) continue;
    const masks = Array.from(line.matchAll(NFT_MASK), ([, , mask]) => Number(mask));
    uses.push({ rule: line.trim(), mask: masks.length === 0 ? ALL_BITS : unite(masks) });
  }
  return uses;
}

/** Our own, and those of which iptables-save tells. */
const NFT_SKIPPED = /^table (?:inet vpatch|ip6? (?:filter|mangle|nat|raw|security)) /;
const NFT_MARK = /\b(?:meta|ct) mark\b/;
/** What is combined with a mark: of all others it leaves the bits as they are, or does not see them. */
const NFT_MASK = /\bmark (&|and|\||or) (0x[0-9a-f]+|\d+)\b/g;

/** `rules`: what "ip rule list" prints. Without a mask, all bits are compared. */
export const routingMarks = (rules: string): MarkUse[] =>
  rules.split('\n').flatMap((line) => {
    const mark = /\bfwmark (?:0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?/.exec(line);
    if (mark === null) return [];
    return [{ rule: `ip rule ${line.trim()}`, mask: mark[1] === undefined ? ALL_BITS : Number(mark[1]) }];
  });

function adviceOn(uses: readonly MarkUse[], own: number): string {
  const partly = uses.map(({ mask }) => mask).filter((mask) => mask !== ALL_BITS);
  const taken = unite(partly);
  const [first, second] = ALL.filter((bit) => (bit & taken) === 0);
  const isTaken = (taken & own) !== 0;
  return [
    // They would be in the way of every choice.
    partly.length < uses.length ? 'give the rules that look at all bits a mask' : null,
    isTaken && second !== undefined ? `bypass.mark: ${hex(first!)}, queue.reject-mark: ${hex(second)}` : null,
    isTaken && second === undefined ? 'have the others use fewer bits' : null,
  ]
    .filter((part) => part !== null)
    .join('; ');
}

/** The highest first: most programs begin at the low end. */
const ALL = Array.from({ length: 32 }, (_, at) => 2 ** (31 - at));
const unite = (masks: readonly number[]): number => masks.reduce((all, mask) => (all | mask) >>> 0, 0);
const hex = (bits: number): string => `0x${bits.toString(16)}`;
