import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../src/base/direction.ts';
import { vpatch } from './support/command-line.ts';
import { pcapBytes } from './support/packets.ts';
import { conversation } from './support/play.ts';

const README = readFileSync('README.md', 'utf8');
const CAPTURE = 'fixtures/readme/shellshock.pcap';

/** The text of the n-th code block of a language. */
const codeBlock = (language: string, nth: number): string =>
  Array.from(README.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs')))[nth]?.[1] ?? '';

describe('the example of the README', () => {
  test('blocks the attack, and prints what the README shows', async () => {
    const command = /node dist\/main\.js (replay .*)/.exec(codeBlock('sh', 1))?.[1] ?? '';
    const { exitCode, stdout } = await vpatch(...command.split(' '), '--log-level', 'error');
    const withoutTime = (text: string): string => text.replace(/in \d+\.\d\d s/, 'in 0.01 s');
    expect(withoutTime(stdout)).toBe(withoutTime(codeBlock('text', 0)));
    expect(exitCode).toBe(0);
  });

  test('shows the rule that is in the file', () => {
    expect(README).toContain(readFileSync('fixtures/readme/shellshock.rules', 'utf8').trim());
  });

  test('has a capture that this test could have made', () => {
    const request =
      'GET /cgi-bin/status HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: () { :; }; /bin/cat /etc/passwd\r\n\r\n';
    const answer =
      'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 30\r\n\r\nroot:x:0:0:root:/root:/bin/sh\n';
    const packets = conversation([
      { direction: TO_SERVER, bytes: fromLatin1(request) },
      { direction: TO_CLIENT, bytes: fromLatin1(answer) },
    ]);
    expect(Buffer.from(pcapBytes(packets)).equals(readFileSync(CAPTURE))).toBe(true);
  });
});

test('docs/events.md shows the alert of this example', async () => {
  const shown = JSON.parse(/```json\n(.*)\n```/.exec(readFileSync('docs/events.md', 'utf8'))?.[1] ?? '{}') as object;
  const folder = mkdtempSync(join(tmpdir(), 'vpatch-readme-'));
  const eve = join(folder, 'eve.json');
  await vpatch('replay', '-m', 'prevent', '-S', 'fixtures/readme/shellshock.rules', '--eve', eve, CAPTURE);
  const [alert] = readFileSync(eve, 'utf8').split('\n');
  rmSync(folder, { recursive: true });
  const { flow_id: shownFlow, ...shownRest } = shown as { flow_id: number };
  const { flow_id: flow, ...rest } = JSON.parse(alert!) as { flow_id: number };
  expect(rest).toEqual(shownRest);
  expect([typeof flow, typeof shownFlow]).toEqual(['number', 'number']);
});

test('every file that the README names is there', () => {
  const named = Array.from(README.matchAll(/\]\(([^)#:]+)\)/g), ([, target]) => target!);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((target) => !existsSync(target))).toEqual([]);
});
