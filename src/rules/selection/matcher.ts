import { basename } from 'node:path';
import { RuleFault } from '../fault.ts';
import { commaSeparated } from '../values.ts';
import { SearchPattern } from './pattern.ts';
import { optionsNamed, type SourceRule } from './source-rule.ts';

/** Which rules a line of a list means. */
export interface RuleMatcher {
  /** `gid:sid` of all rules that it can mean; null where it does not go by number. */
  readonly ids: readonly string[] | null;
  matches(rule: SourceRule): boolean;
}

/**
 * Reads a matcher of suricata-update: `*`, `2019401`, `1:2019401`, several of these between commas, `re:`, `group:`,
 * `filename:`, `metadata:`, a name that ends in `.rules`, or `multi:` with several between semicolons, which must all
 * match. Throws RuleFault with places counted from `at`.
 */
export function parseMatcher(text: string, at: number): RuleMatcher {
  if (text === '*') return matching(() => true);
  if (/^[\d:,\s]+$/.test(text)) return idMatcher(text, at);
  const [, kind = '', rest = ''] = /^(\w+):\s*(.*)$/s.exec(text) ?? [];
  const restAt = at + text.length - rest.length;
  if (kind !== '' && rest === '') throw new RuleFault(`${kind}: needs something behind it`, at);
  switch (kind) {
    case 're': {
      const pattern = new SearchPattern(rest, true, restAt);
      return matching((rule) => pattern.isIn(rule.text));
    }
    case 'group':
      return groupMatcher(rest);
    case 'filename': {
      // suricata-update matches the path within the archive, which is the end of ours.
      const path = globPattern(rest, '(?:^|.*/)');
      return matching((rule) => path.test(rule.file));
    }
    case 'metadata':
      return metadataMatcher(rest, restAt);
    case 'multi':
      return multiMatcher(rest, restAt);
    default:
      if (text.endsWith('.rules')) return groupMatcher(text);
      throw new RuleFault(
        'expected *, a sid, gid:sid, re:, group:, filename:, metadata: or multi:, or the name of a .rules file',
        at,
      );
  }
}

const matching = (matches: RuleMatcher['matches']): RuleMatcher => ({ ids: null, matches });

function idMatcher(text: string, at: number): RuleMatcher {
  const revisions = new Map<string, number | null>();
  for (const id of commaSeparated(text)) {
    const [, first, second, third] = /^(\d{1,10})(?::(\d{1,10}))?(?::(\d{1,10}))?$/.exec(id) ?? [];
    if (first === undefined) throw new RuleFault(`"${id}" is no sid, gid:sid or gid:sid:rev`, at);
    const key = second === undefined ? `1:${Number(first)}` : `${Number(first)}:${Number(second)}`;
    revisions.set(key, third === undefined ? null : Number(third));
  }
  return {
    ids: [...revisions.keys()],
    matches: ({ gid, sid, rev }) => {
      const wanted = revisions.get(`${gid}:${sid}`);
      return wanted === null || wanted === rev;
    },
  };
}

/** The name of the rule's file, with or without its extension. */
function groupMatcher(glob: string): RuleMatcher {
  const name = globPattern(glob, '^');
  return matching(({ file }) => name.test(basename(file)) || name.test(basename(file).replace(/\.[^.]*$/, '')));
}

function metadataMatcher(text: string, at: number): RuleMatcher {
  const [, key, value] = /^(\S+)\s+(.+)$/s.exec(text.toLowerCase()) ?? [];
  if (key === undefined || value === undefined) throw new RuleFault('metadata: needs a key and a value', at);
  return matching(({ parsed }) =>
    optionsNamed(parsed, 'metadata').some((list) =>
      commaSeparated(list.toLowerCase()).some((entry) => entry.replace(/\s+/, ' ') === `${key} ${value.trim()}`),
    ),
  );
}

function multiMatcher(text: string, at: number): RuleMatcher {
  const matchers: RuleMatcher[] = [];
  for (const part of text.matchAll(/[^;]+/g)) {
    const trimmed = part[0].trim();
    if (trimmed !== '') matchers.push(parseMatcher(trimmed, at + part.index + part[0].indexOf(trimmed)));
  }
  return matching((rule) => matchers.every((matcher) => matcher.matches(rule)));
}

/** As Python's fnmatch: `*` and `?` match `/` too. */
function globPattern(glob: string, before: string): RegExp {
  const source = glob.replace(/\[(!?)([^\]]+)\]|[\s\S]/g, (token, negation: string | undefined, members: string) => {
    if (token === '*') return '.*';
    if (token === '?') return '.';
    if (negation !== undefined) return `[${negation === '!' ? '^' : ''}${members.replace(/[\\\]^]/g, '\\$&')}]`;
    return token.replace(/[\\^$.|+(){}[\]/]/, '\\$&');
  });
  return new RegExp(`${before}${source}$`, 's');
}
