import { Random } from '../support/random.ts';

const KINDS = [
  ['drop http', 'flow:established,to_server; http.uri; ', 'http.header; '],
  ['alert http', 'flow:established,to_client; file.data; ', 'distance:0; '],
  ['drop http', 'flow:established,to_server; http.request_body; ', 'distance:0; '],
  ['alert tcp', 'flow:established,to_server; ', 'distance:4; within:200; '],
  ['alert dns', 'dns.query; ', 'distance:0; '],
  ['alert tls', 'flow:established,to_server; tls.sni; ', 'distance:0; '],
] as const;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789-_/.=';

/** As many rules of the usual kinds, which no ordinary traffic matches; the same each time. */
export function generatedRules(count: number): string {
  const random = new Random(14);
  const word = (): string => Array.from({ length: random.between(5, 24) }, () => random.pick([...LETTERS])).join('');
  return Array.from({ length: count }, (_, at) => {
    const [head, first, second] = random.pick(KINDS);
    const options = `msg:"generated ${at}"; ${first}content:"${word()}"; ${second}content:"${word()}"; nocase; `;
    const pcre = random.below(4) === 0 ? `pcre:"/${word().replace(/[/.]/g, '\\$&')}[0-9a-f]{4,12}/"; ` : '';
    const about = `reference:url,example.com/${word().replace(/[/]/g, '')}; classtype:trojan-activity; `;
    return `${head} any any -> any any (${options}${pcre}${about}metadata:created_at 2026_11_22, tag made_up; sid:${2_000_000 + at}; rev:1;)\n`;
  }).join('');
}
