import { defineKeyword } from '../keyword.ts';
import { commaSeparated } from '../values.ts';

const SIDES = ['any', 'src', 'dst', 'both'] as const;

const geoip = defineKeyword({
  name: 'geoip',
  summary:
    'The source, the destination, any (default) or both are in one of these countries, or with ! in none of them',
  difference: 'IPv6 is looked up too; the database is rules.geoip-database-file',
  example: 'geoip:src,!CH,LI;',
  parse: (value) => {
    const items = commaSeparated(value.text);
    const side = SIDES.find((name) => name === items[0]);
    const named = side === undefined ? items : items.slice(1);
    const countries = new Set<string>();
    for (const item of named) {
      const [, code] = /^!?\s*([A-Za-z]{2})$/.exec(item) ?? value.fail(`"${item}" is no country, such as DE`);
      countries.add(code!.toUpperCase());
    }
    if (countries.size === 0) value.fail('geoip takes any, src, dst or both, then countries such as DE');
    // As in Suricata, one ! is for all of them.
    return { side: side ?? 'any', countries, isNegated: named.some((item) => item.startsWith('!')) };
  },
  compile: ({ side, countries, isNegated }, draft) => {
    const known = draft.context.environment.countries;
    if (known === null) return draft.fail('geoip needs a database of countries (rules: geoip-database-file)');
    const fits = (version: 4 | 6, address: Uint32Array): boolean => {
      const country = known.of(version, address);
      return country !== null && countries.has(country) !== isNegated;
    };
    draft.testAddresses((version, source, destination) => {
      if (side === 'src') return fits(version, source);
      if (side === 'dst') return fits(version, destination);
      if (side === 'both') return fits(version, source) && fits(version, destination);
      return fits(version, source) || fits(version, destination);
    });
  },
});

export const geoipKeywords = [geoip];
