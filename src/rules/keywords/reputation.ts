import type { AddressMap } from '../../base/address-map.ts';
import type { RuleDraft } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import { nearestName } from '../nearest-name.ts';
import { MAX_REPUTATION } from '../reputation.ts';
import { commaSeparated, isInRange, parseUintRange, type UintRange, word } from '../values.ts';

const SIDES = ['any', 'src', 'dst', 'both'] as const;

const iprep = defineKeyword({
  name: 'iprep',
  summary: 'The reputation of the source, the destination, any or both of them in a category, or whether there is one',
  example: 'iprep:src,CnC,>,30;',
  parse: (value) => {
    const [sideName, category, ...condition] = commaSeparated(word(value));
    const side = SIDES.find((name) => name === sideName);
    if (side === undefined || category === undefined || category === '' || condition.length === 0) {
      return value.fail('iprep takes any, src, dst or both, a category, and isset, isnotset or a comparison');
    }
    return { side, category, wanted: scores(condition, (message) => value.fail(message)) };
  },
  compile: ({ side, category, wanted }, draft) => {
    const map = categoryNamed(category, draft);
    const fits = (version: 4 | 6, address: Uint32Array): boolean => wanted(map.get(version, address));
    draft.testAddresses((version, source, destination) => {
      if (side === 'src') return fits(version, source);
      if (side === 'dst') return fits(version, destination);
      if (side === 'both') return fits(version, source) && fits(version, destination);
      return fits(version, source) || fits(version, destination);
    });
  },
});

export const reputationKeywords = [iprep];

/** Takes a score, or -1 for an address without one. */
function scores(condition: readonly string[], fail: (message: string) => never): (score: number) => boolean {
  const text = condition.join('');
  if (text === 'isset') return (score) => score >= 0;
  if (text === 'isnotset') return (score) => score < 0;
  const range: UintRange = parseUintRange(text, MAX_REPUTATION, fail);
  return (score) => score >= 0 && isInRange(range, score);
}

function categoryNamed(name: string, draft: RuleDraft): AddressMap {
  const { reputation } = draft.context.environment;
  const map = reputation.get(name);
  if (map !== undefined) return map;
  if (reputation.size === 0) draft.fail('no reputation categories are configured (rules: reputation-categories-file)');
  const near = nearestName(name, reputation.keys());
  return draft.fail(`there is no reputation category ${name}${near === null ? '' : `: did you mean ${near}?`}`);
}
