import { basename } from 'node:path';
import type { KnownRule, RuleStatus } from './inventory.ts';
import { optionsNamed } from './selection/source-rule.ts';

/** Which rules somebody wants to see: all that is given must hold. */
export interface RuleFilter {
  /** `2019401` or `1:2019401`. */
  readonly sid?: string;
  /** `CVE-2021-44228` or `2021-44228`. */
  readonly cve?: string;
  /** Somewhere in the rule, in upper or lower case. */
  readonly text?: string;
  readonly classtype?: string;
  readonly keyword?: string;
  /** As the header has it, or that of the buffers that the rule looks into. */
  readonly protocol?: string;
  readonly action?: string;
  /** Part of the name of its file. */
  readonly file?: string;
  readonly states?: readonly RuleStatus[];
}

/** Does the rule pass? */
export function fitsFilter(known: KnownRule, filter: RuleFilter): boolean {
  const { source, rule, state } = known;
  const { parsed, text } = source;
  if (filter.states !== undefined && !filter.states.includes(state)) return false;
  if (filter.sid !== undefined && filter.sid !== `${source.gid}:${source.sid}` && filter.sid !== String(source.sid)) {
    return false;
  }
  if (filter.cve !== undefined && !namesCve(known, filter.cve)) return false;
  if (filter.text !== undefined && !text.toLowerCase().includes(filter.text.toLowerCase())) return false;
  if (filter.classtype !== undefined && !optionsNamed(parsed, 'classtype').includes(filter.classtype)) return false;
  if (filter.keyword !== undefined && !parsed.options.some(({ name }) => name.text === filter.keyword)) return false;
  if (
    filter.protocol !== undefined &&
    filter.protocol !== parsed.protocol.text &&
    !rule?.protocol.apps?.includes(filter.protocol)
  ) {
    return false;
  }
  if (filter.action !== undefined && filter.action !== parsed.action) return false;
  return filter.file === undefined || basename(source.file).includes(filter.file);
}

/** In a reference, the metadata (`cve CVE_2021_44228`) or the message. */
function namesCve({ source }: KnownRule, cve: string): boolean {
  const number = cve.replace(/^cve[-_]?/i, '').replaceAll('_', '-');
  return new RegExp(`(?<!\\d)${number.replace(/\W/g, '[-_]')}(?!\\d)`).test(source.text);
}
