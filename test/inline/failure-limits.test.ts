import type { ChildProcess } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import type { FailureMode } from '../../src/config/config.ts';
import { PARK_AFTER } from '../../src/detect/rule-limits.ts';
import { expectServed, LONG_MS, pause, startLoad, tell, WAYS } from '../support/failure-rows.ts';
import { type Finished, until } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { HTTP_PORT, PAGE } from '../support/web-server.ts';
import type { UploadSettings } from './programs/upload-process.ts';

// Rows of docs/failure.md that `failure.limits` decides: what becomes of whoever reaches a limit, and of all others.

const UPLOADER = programFile(new URL('./programs/upload-process.ts', import.meta.url));
const UPLOADS = 100;
const UPLOAD_BYTES = 60_000;
/** The least that can be configured, and a sixth of what the uploads hold. */
const PARSER_MEMORY = 'app-layer: { memory: 1MiB }\n';
const BODY_RULE =
  'drop http any any -> any any (msg:"body"; flow:established,to_server; http.request_body; content:"evil"; sid:2;)\n';
/** Finds a place for its first content again and again in an address of one letter, and the last one never comes. */
const DEAR_RULE =
  'drop http any any -> any any (msg:"dear"; flow:established,to_server; http.uri; content:"a"; ' +
  'content:"a"; within:600; content:"a"; within:600; content:"a"; within:600; content:"b"; within:2; sid:3;)\n';
const DEAR_PATH = `/${'a'.repeat(4_000)}`;

describeWithWebServer('limits that traffic reaches', (bed) => {
  let uploads: ChildProcess | null = null;
  afterEach(() => {
    uploads?.kill('SIGKILL');
    bed.testbed.closeConnections();
  });

  const get = (path: string): Promise<Finished> =>
    bed.testbed.finish('client', 'curl', ['-s', '-m', '1', bed.url(path)]);
  const start = (way: FailureMode, rules: string, config = ''): Promise<VpatchProcess> =>
    VpatchProcess.start(bed.testbed, {
      rules,
      args: ['-m', 'prevent'],
      config: `state: { folder: ${bed.folder}/state }\nfailure: { limits: ${way} }\n${config}`,
    });
  const has = (vpatch: VpatchProcess, event: string): boolean =>
    vpatch.events('anomaly').some(({ anomaly }) => anomaly?.event === event);

  test.each(WAYS)(
    'the parsers hold more than they may, failure.limits %s',
    async (way) => {
      const vpatch = await start(way, BODY_RULE, PARSER_MEMORY);
      const load = await startLoad(bed);
      const settings: UploadSettings = {
        host: bed.testbed.addresses.server[4],
        port: HTTP_PORT,
        uploads: UPLOADS,
        bytes: UPLOAD_BYTES,
      };
      const args = [UPLOADER, JSON.stringify(settings)];
      uploads = bed.testbed.start('client', process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      let said = '';
      uploads.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      await until('all uploads have stopped half-way', () => said.includes('half\n'), 20_000);
      await pause(500);
      uploads.stdin?.write('go on\n');
      await until('it is seen which ones end', () => said.includes('ended'), 20_000);
      const [, oldest, newest] = /ended (\w+) (\w+)/.exec(said)!;
      const result = await load.stop();
      tell('memory of the parsers', way, result);
      expectServed(result);
      await until('it is told', () => has(vpatch, 'applayer_memory_limit'));
      // What was silent the longest is not parsed on; what came last is.
      expect([oldest, newest]).toEqual([String(way === 'open'), 'true']);
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'a rule is too dear for what comes, failure.limits %s',
    async (way) => {
      const vpatch = await start(way, DEAR_RULE);
      const load = await startLoad(bed);
      const answers: boolean[] = [];
      for (let i = 0; i <= PARK_AFTER; i++) answers.push((await get(DEAR_PATH)).output === PAGE);
      expect(new Set(answers)).toEqual(new Set([way === 'open']));
      await until('the rule is parked', () => has(vpatch, 'detect.rule_parked'));
      await until('it is shown', async () => (await vpatch.status()).ruleset.rules.parked === 1);
      expect((await get('/')).output).toBe(PAGE);
      const result = await load.stop();
      tell('dear rule', way, result);
      expectServed(result);
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );
});
