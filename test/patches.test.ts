import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { conversation, datagrams, playPackets } from './support/play.ts';
import { parseTranscript, transcriptsIn } from './support/transcript.ts';

const rules = readdirSync('signatures', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.rules'))
  .map((file) => readFileSync(`signatures/${file}`, 'utf8'))
  .join('\n');
/** Checks report only: what is under test are the rules, and an attack may fail a check before it meets one. */
const config = { checks: { policy: 'report' } } as const;

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

  test('is blocked in prevent mode if, and only if, it is an attack', () => {
    const { dropReasons } = playPackets(packets(1460), { rules, config, mode: 'prevent' });
    expect(dropReasons.includes('rules')).toBe(page.alerts.length > 0);
  });
});
