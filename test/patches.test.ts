import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromLatin1, latin1 } from '../src/base/bytes.ts';
import { conversation, datagrams, playPackets } from './support/play.ts';
import { parseTranscript, transcriptsIn } from './support/transcript.ts';

const rules = readdirSync('signatures', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.rules'))
  .map((file) => readFileSync(`signatures/${file}`, 'utf8'))
  .join('\n');
/**
 * Checks report only: what is under test are the rules, and an attack may fail a check before it meets one. Each page is
 * one connection in a pipeline of its own, whose tables would otherwise take longer to make than the page to play.
 */
const config = {
  checks: { policy: 'report' },
  flow: { maxTcpFlows: 8, maxUdpFlows: 8, maxOtherFlows: 8 },
} as const;

const pages = transcriptsIn('fixtures/patches');

test('there are transcripts', () => {
  expect(pages.length).toBeGreaterThan(100);
});

describe.each(pages)('$patch $name', ({ file }) => {
  const page = parseTranscript(readFileSync(file, 'utf8'), file);
  const packets = (segmentBytes: number): Uint8Array[] =>
    page.transport === 'udp'
      ? datagrams(page.turns, { serverPort: page.port })
      : conversation(page.turns, { serverPort: page.port, segmentBytes });

  test.each([1460, 100, 7, 1])('gives its alerts in segments of %i bytes', (segmentBytes) => {
    const { alerts } = playPackets(packets(segmentBytes), { rules, config });
    expect([...new Set(alerts)].sort((a, b) => a - b)).toEqual(page.alerts);
  });

  const chunkedTurns = page.turns.map((turn) => ({ ...turn, bytes: inChunks(turn.bytes) ?? turn.bytes }));
  if (chunkedTurns.some((turn, index) => turn.bytes !== page.turns[index]!.bytes)) {
    test('gives them in chunks', () => {
      const packets = conversation(chunkedTurns, { serverPort: page.port, segmentBytes: 1460 });
      const { alerts } = playPackets(packets, { rules, config });
      expect([...new Set(alerts)].sort((a, b) => a - b)).toEqual(page.alerts);
    });
  }

  test('is blocked in prevent mode if, and only if, it is an attack', () => {
    const { dropReasons } = playPackets(packets(1460), { rules, config, mode: 'prevent' });
    expect(dropReasons.includes('rules')).toBe(page.alerts.length > 0);
  });
});

const CHUNK_BYTES = 5; // Words that rules look for are longer.

/** The same HTTP/1.1 message with its body in chunks (RFC 9112 §7.1), or null if it has no body of a known length. */
function inChunks(message: Uint8Array): Uint8Array | null {
  const text = latin1(message);
  const head = /^[^\r\n]+ HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)*?Content-Length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text);
  const body = head === null ? '' : text.slice(head[0].length);
  if (head === null || body === '' || body.length !== Number(head[1])) return null;

  const chunks = body.match(new RegExp(`[^]{1,${CHUNK_BYTES}}`, 'g')) ?? [];
  const coded = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  return fromLatin1(`${head[0].replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked')}${coded}0\r\n\r\n`);
}
