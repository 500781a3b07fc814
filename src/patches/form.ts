import { readFileSync } from 'node:fs';
import type { Patch } from './catalogue.ts';
import type { Transcript, TranscriptFile } from './transcript.ts';

/** The range that is kept for the patches we ship. */
export const MIN_SID = 9_000_000;
const MAX_SID = 9_999_999;
/** A patch takes one or more whole blocks. */
export const SIDS_PER_BLOCK = 10;

/** What a new patch has where its author has to write something. */
export const BLANK = 'FILL IN';

const CLASSTYPES: readonly string[] = [
  ...['web-application-attack', 'attempted-admin', 'attempted-user', 'attempted-recon', 'attempted-dos'],
  'successful-recon-limited',
];

const MIN_LOOK_ALIKES = 2;

export interface Page extends TranscriptFile {
  readonly transcript: Transcript;
}

/** How a patch differs from the form of docs/patches.md, with the place of each difference. `pages` are its own. */
export function formFaults(patch: Patch, pages: readonly Page[]): string[] {
  const { cves, presets, references } = patch.description;
  const inDescription = [
    ...(presets.includes('security') ? [] : ['presets: "security" has all patches']),
    ...[cves, presets, references].filter(hasRepeats).map((list) => `${list.join(', ')}: something is there twice`),
  ];
  return [
    ...blanks([patch.descriptionFile, patch.rulesFile, ...pages.map(({ file }) => file)]),
    ...inDescription.map((fault) => `${patch.descriptionFile}: ${fault}`),
    ...ruleFaults(patch),
    ...pageFaults(patch, pages),
  ];
}

const hasRepeats = (list: readonly string[]): boolean => new Set(list).size < list.length;

const blanks = (files: readonly string[]): string[] =>
  files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        line.includes(BLANK) ? [`${file}:${index + 1}: something is still to be written`] : [],
      ),
  );

function ruleFaults({ id, software, rules, rulesFile }: Patch): string[] {
  const cve = id.toUpperCase();
  return rules.flatMap(({ line, text, sid }) => {
    const wanted: readonly (readonly [boolean, string])[] = [
      [sid >= MIN_SID && sid <= MAX_SID, `a signature id from ${MIN_SID} to ${MAX_SID}`],
      [/^drop (?:http|tcp|udp|icmp|ip) /.test(text), 'drop, and http, tcp, udp, icmp or ip'],
      [/\(msg:"VPATCH [^"]+";/.test(text), 'a msg that begins with VPATCH'],
      [/; rev:[1-9]\d*;/.test(text), 'a rev'],
      [text.includes(`reference:cve,${cve.slice('CVE-'.length)};`), `reference:cve,${cve.slice('CVE-'.length)}`],
      [new RegExp(`; metadata:[^;]*\\bcve ${cve}\\b[^;]*;`).test(text), `metadata with "cve ${cve}"`],
      [
        new RegExp(`; metadata:[^;]*\\bapplication ${software}[,;]`).test(text),
        `metadata with "application ${software}"`,
      ],
      [CLASSTYPES.includes(/; classtype:([a-z-]+);/.exec(text)?.[1] ?? ''), `a classtype of ${CLASSTYPES.join(', ')}`],
      [text.startsWith('drop udp ') || text.includes('fast_pattern;'), 'a fast_pattern'],
      [
        !/^drop (?:http|tcp) /.test(text) || /; flow:established,to_(?:server|client);/.test(text),
        'flow:established,to_server or to_client',
      ],
    ];
    return wanted.filter(([isThere]) => !isThere).map(([, what]) => `${rulesFile}:${line}: expected ${what}`);
  });
}

function pageFaults({ id, rules, rulesFile }: Patch, pages: readonly Page[]): string[] {
  const own = new Set(rules.map(({ sid }) => sid));
  const met = new Set(pages.flatMap(({ transcript }) => transcript.alerts));
  const lookAlikes = pages.filter(({ kind }) => kind === 'benign');
  return [
    ...(lookAlikes.length < pages.length ? [] : [`${id}: expected an attack`]),
    ...(lookAlikes.length >= MIN_LOOK_ALIKES ? [] : [`${id}: expected ${MIN_LOOK_ALIKES} look-alikes at least`]),
    // The rules of another patch may find an attack too: several weaknesses are used by the same means.
    ...pages
      .filter(({ kind, transcript }) => kind === 'attack' && !transcript.alerts.some((sid) => own.has(sid)))
      .map(({ file }) => `${file}: expected an alert of the patch`),
    ...lookAlikes
      .filter(({ transcript }) => transcript.alerts.length > 0)
      .map(({ file }) => `${file}: a look-alike must not alert`),
    ...rules
      .filter(({ sid }) => !met.has(sid))
      .map(({ sid, line }) => `${rulesFile}:${line}: expected an attack for ${sid}`),
  ];
}
