import { join } from 'node:path';
import type { Patch } from './catalogue.ts';
import { BLANK, MIN_SID, SIDS_PER_BLOCK } from './form.ts';

export interface NewPatch {
  /** `CVE-2026-1234`. */
  readonly cve: string;
  /** The folder: the software that it protects. */
  readonly software: string;
  /** One of APPLICATIONS. */
  readonly application: string;
  /** The first of its block. */
  readonly sid: number;
}

/** The first signature id of a block that no patch uses. */
export function freeSid(patches: readonly Patch[]): number {
  const used = patches.flatMap(({ rules }) => rules.map(({ sid }) => sid));
  const last = Math.max(MIN_SID - 1, ...used);
  return (Math.floor(last / SIDS_PER_BLOCK) + 1) * SIDS_PER_BLOCK;
}

/**
 * The files of a new patch, by their paths below the folder that has `signatures/` and `fixtures/`. They are in the
 * right form and play; what only their author knows is marked.
 */
export function scaffold(patch: NewPatch): ReadonlyMap<string, string> {
  const id = patch.cve.toLowerCase();
  const signatures = join('signatures', patch.software);
  const pages = join('fixtures/patches', id);
  return new Map([
    [join(signatures, `${id}.rules`), rules(patch)],
    [join(signatures, `${id}.yaml`), description(patch)],
    [join(pages, 'attack-plain.md'), attack(patch)],
    [join(pages, 'benign-search.md'), search()],
    [join(pages, 'benign-ordinary.md'), ordinary()],
  ]);
}

function rules({ cve, software, sid }: NewPatch): string {
  const options = [
    `msg:"VPATCH ${software}: ${BLANK} what is stopped"`,
    'flow:established,to_server',
    'http.uri; content:"/place/of/the/weakness"; fast_pattern; startswith',
    `reference:cve,${cve.slice('CVE-'.length)}`,
    'classtype:web-application-attack',
    `sid:${sid}; rev:1`,
    `metadata:cve ${cve}, application ${software}`,
  ];
  return `# ${BLANK}: why this rule is right.\ndrop http any any -> $HOME_NET any (${options.join('; ')};)\n`;
}

const description = ({ cve, software, application }: NewPatch): string => `\
title: ${BLANK} the weakness in one line
cves: [${cve}]
cvss: 0.0 # ${BLANK}
exploited: true # ${BLANK}
application: ${application}
summary: >-
  ${BLANK} the weakness, and how the rules recognise it.
covers:
  - ${BLANK} what is stopped
not_covered:
  - ${BLANK} what an attacker could still do, and what harmless traffic is stopped
affected:
  - package: { ecosystem: Bitnami, name: ${software} }
    ranges:
      - type: ECOSYSTEM
        events: [{ introduced: '0' }, { fixed: '0' }] # ${BLANK}
presets: [balanced, security]
references:
  - https://nvd.nist.gov/vuln/detail/${cve}
`;

const attack = ({ sid }: NewPatch): string =>
  page(`${BLANK} what the attack does`, `${BLANK} why it works.`, 'GET /place/of/the/weakness?x=1 HTTP/1.1', sid);

const search = (): string =>
  page(
    'A search for the place of the weakness',
    `${BLANK} who says something similar in good faith.`,
    'GET /search?q=/place/of/the/weakness HTTP/1.1',
    null,
  );

const ordinary = (): string =>
  page('An ordinary request', `${BLANK} how the same place is used in good faith.`, 'GET /place/of HTTP/1.1', null);

function page(title: string, why: string, requestLine: string, sid: number | null): string {
  const alerts = sid === null ? '' : `\n\`\`\`alerts\n${sid}\n\`\`\`\n`;
  return `# ${title}\n\n${why}\n\n\`\`\`client\n${requestLine}\nHost: service.example\n\n\`\`\`\n${alerts}`;
}
