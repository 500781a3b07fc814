/** The version of Suricata whose rule language this is. */
export const RULE_LANGUAGE_VERSION: readonly [number, number, number] = [7, 0, 10];

/** A rule that asks for it has keywords of ours: Suricata leaves it out, without an error. */
const OWN_FEATURE = 'vpatch';

/**
 * `requires: version >= 7.0.3 < 8 | >= 9, keyword foo, feature bar`: is all of it there? Null: it cannot be read. A
 * rule whose requirements are not met is meant for somebody else, and is left out without a word.
 */
export function areMet(text: string, hasKeyword: (name: string) => boolean): boolean | null {
  let result = true;
  for (const item of text.split(',')) {
    const [, kind = '', rest = ''] = /^\s*(\w+)\s+(.*?)\s*$/.exec(item) ?? [];
    if (kind === 'version') {
      const fits = versionFits(rest);
      if (fits === null) return null;
      result &&= fits;
    } else if (kind === 'keyword') result &&= hasKeyword(rest);
    // No optional feature of Suricata is one of ours, and this one is none of Suricata's.
    else if (kind === 'feature') result &&= rest === OWN_FEATURE;
    else return null;
  }
  return result;
}

/** Alternatives between `|`, each of comparisons that must all hold. */
function versionFits(text: string): boolean | null {
  let result = false;
  for (const alternative of text.split('|')) {
    if (!/^(\s*(>=|<=|>|<)\s*\d+(\.\d+){0,2})+\s*$/.test(alternative)) return null;
    let fits = true;
    for (const [, operator = '', version = ''] of alternative.matchAll(/(>=|<=|>|<)\s*([\d.]+)/g)) {
      const order = compare(version);
      fits &&=
        operator === '>=' ? order >= 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order < 0;
    }
    result ||= fits;
  }
  return result;
}

/** Ours against this one. */
function compare(version: string): number {
  const parts = version.split('.').map(Number);
  for (let i = 0; i < 3; i++) {
    const order = RULE_LANGUAGE_VERSION[i]! - (parts[i] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}
