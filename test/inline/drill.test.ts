import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until, whyNoTestbed } from '../support/netns.ts';
import { PROGRAM } from '../support/vpatch-process.ts';

const reason = whyNoTestbed();
const LONG_MS = 300_000;

interface Report {
  readonly passed: boolean;
  readonly failure: string;
  readonly results: readonly {
    readonly situation: string;
    readonly problem: string | null;
    readonly requests: number;
    readonly attacks: number;
    readonly attacksPassed: number;
  }[];
}

describe.skipIf(reason !== null)('doctor --drill', () => {
  let folder: string;
  let started: ChildProcess[] = [];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drill-test-'));
    writeFileSync(join(folder, 'own.rules'), 'drop http any any -> any any (http.uri; content:"/own"; sid:1;)\n');
  });
  afterAll(() => {
    for (const child of started) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const namespaces = (): string[] =>
    execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).match(/vpatch-drill-\S+/g) ?? [];
  const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('vpatch-drill-'));
  const config = (failure: string): string => {
    const file = join(folder, `${failure}.yaml`);
    // What would tell somebody, or write somewhere, is not part of a drill.
    const outputs = `outputs: { eve: { file: ${folder}/never.json }, syslog: { socket: ${folder}/never.sock } }\n`;
    const rules = `rules: { files: [${folder}/own.rules], cache-folder: ${folder}/never }\n`;
    writeFileSync(file, `failure: { engine: ${failure} }\nstate: { folder: ${folder}/state }\n${outputs}${rules}`);
    return file;
  };
  const start = (...args: string[]): ChildProcess => {
    const child = spawn(process.execPath, [PROGRAM, 'doctor', '--drill', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started = [...started, child];
    return child;
  };
  const finish = async (child: ChildProcess): Promise<{ status: number | null; output: string; error: string }> => {
    let output = '';
    let error = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      error += chunk.toString();
    });
    const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { status, output, error };
  };

  test.each(['open', 'closed'])(
    'failure.engine %s: everything is as promised, and nothing is left',
    async (failure) => {
      const { status, output, error } = await finish(start('-c', config(failure), '--json'));
      expect({ status, error }).toEqual({ status: 0, error: '' });
      const report = JSON.parse(output) as Report;
      expect(report).toMatchObject({ passed: true, failure });
      const named = Object.fromEntries(report.results.map((result) => [result.situation, result]));
      expect(Object.keys(named)).toEqual([
        'start',
        'bad-rules',
        'worker-killed',
        'worker-hangs',
        'firewall-flushed',
        'process-killed',
        'stop',
        'stop-at-once',
        'queue-full',
        'disk-full',
      ]);
      for (const { requests, attacks } of report.results) {
        expect(requests).toBeGreaterThan(0);
        expect(attacks).toBeGreaterThan(0);
      }
      // It is seen whether somebody inspects.
      expect(named['process-killed']!.attacksPassed > 0).toBe(failure === 'open');
      expect(named['firewall-flushed']!.attacksPassed).toBeGreaterThan(0);
      expect(namespaces()).toEqual([]);
      expect(folders()).toEqual([]);
      expect(readdirSync(folder).filter((name) => name.startsWith('never') || name === 'state')).toEqual([]);
    },
    LONG_MS,
  );

  test(
    'what ends it half-way leaves nothing; what a killed one left, the next one removes',
    async () => {
      const killed = start('-c', config('open'));
      await until('it has begun', () => namespaces().length === 2, 30_000);
      killed.kill('SIGKILL');
      await new Promise((resolve) => killed.once('close', resolve));
      expect(namespaces()).toHaveLength(2);

      const next = start('-c', config('open'));
      const ended = finish(next);
      const isOfNext = (name: string): boolean => name.includes(`-${next.pid}-`);
      await until('it has begun', () => namespaces().length === 2 && namespaces().every(isOfNext), 30_000);
      next.kill('SIGINT');
      const { status, error } = await ended;
      expect({ status, error }).toEqual({
        status: 1,
        error: 'vpatch: the drill was interrupted; nothing of it is left\n',
      });
      expect(namespaces()).toEqual([]);
      expect(folders()).toEqual([]);
    },
    LONG_MS,
  );

  test('needs root, and says so', async () => {
    const args = [
      '--reuid',
      'nobody',
      '--clear-groups',
      process.execPath,
      PROGRAM,
      'doctor',
      '--drill',
      '-c',
      '/dev/null',
    ];
    const { status, error } = await finish(spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'pipe'] }));
    expect({ status, error }).toEqual({
      status: 3,
      error: 'vpatch: the drill makes network namespaces: run it as root, for instance with sudo\n',
    });
  });
});
