import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_FLOW_TABLE_OPTIONS } from '../../src/flow/options.ts';
import { type Testbed, until } from '../support/netns.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { HTTP_PORT } from '../support/web-server.ts';
import type { Inspection } from './engine.ts';
import { SuricataProcess } from './suricata-process.ts';

/** What inspects the traffic of a testbed. At most one of the two programs is there. */
export interface Inspector {
  readonly vpatch: VpatchProcess | null;
  readonly suricata: SuricataProcess | null;
}

/** The kernel alone, or what accepts everything unseen. */
export const UNINSPECTED: Inspector = { vpatch: null, suricata: null };

/** Null where that is nothing that anybody would install. */
export function residentMib({ vpatch, suricata }: Inspector): number | null {
  const program = vpatch ?? suricata;
  return program === null ? null : program.residentBytes / 2 ** 20;
}

/**
 * Loaded beside the engine's rules from the folder that an inspector is started with: empty, unless a load fills it.
 */
export const EXTRA_RULES = 'bench.rules';

/** Resolves when it inspects so many connections at the same time, or fewer. State and caches are in `folder`. */
export async function startInspector(
  inspection: Inspection,
  testbed: Testbed,
  folder: string,
  connections: number,
): Promise<Inspector> {
  const extraRules = join(folder, EXTRA_RULES);
  writeFileSync(extraRules, '\n');
  const variables = variablesFor(testbed);
  switch (inspection.by) {
    case 'nobody':
      return UNINSPECTED;
    case 'accept-all':
      await startAcceptAll(testbed);
      return UNINSPECTED;
    case 'vpatch': {
      const set = Object.entries(variables).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
      const vpatch = await VpatchProcess.start(testbed, {
        ruleFiles: [...inspection.rules.files, extraRules],
        args: [...inspection.args, ...set],
        config: [
          `state: { folder: ${join(folder, 'state')} }`,
          `rules: { cache-folder: ${join(folder, 'cache')} }`,
          `flow: { max-tcp: ${Math.max(DEFAULT_FLOW_TABLE_OPTIONS.maxTcpFlows, connections + OTHER_CONNECTIONS)} }`,
          inspection.settings,
        ].join('\n'),
      });
      return { ...UNINSPECTED, vpatch };
    }
    case 'suricata': {
      const files = [...inspection.rules.files, extraRules];
      const own = mkdtempSync(join(folder, 'suricata-'));
      return { ...UNINSPECTED, suricata: await SuricataProcess.start(testbed, own, files, variables) };
    }
    default:
      return inspection satisfies never;
  }
}

/** Of other loads, and some that are over and not forgotten yet. */
const OTHER_CONNECTIONS = 20_000;

/** The server is at home and the client is not: rules for attacks on servers have to look at every request. */
const variablesFor = ({ addresses }: Testbed): Readonly<Record<string, string>> => ({
  HOME_NET: `[${addresses.server[4]}]`,
  EXTERNAL_NET: '!$HOME_NET',
  HTTP_PORTS: `[80,${HTTP_PORT}]`,
});

const ACCEPT_ALL = fileURLToPath(new URL('./accept-all.js', import.meta.url));

async function startAcceptAll(testbed: Testbed): Promise<void> {
  const acceptor: ChildProcess = testbed.start('server', process.execPath, [ACCEPT_ALL]);
  let said = '';
  acceptor.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until('packets are accepted unseen', () => {
    if (acceptor.exitCode !== null) throw new Error(`it ended: ${said}`);
    return said.includes('ready');
  });
}
