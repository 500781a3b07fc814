import { readdirSync, readFileSync } from 'node:fs';
import type { Direction } from '../../src/base/direction.ts';
import { parseTranscript, type Transcript, transcriptsIn } from '../../src/patches/transcript.ts';
import { type Played, Player, type PlayOptions } from '../support/play.ts';
import { buildSegment, ENDPOINTS, type Endpoints, honest, isData, type Segment } from '../support/segments.ts';

/** All rules that we ship. */
export const RULES = readdirSync('signatures', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.rules'))
  .map((file) => readFileSync(`signatures/${file}`, 'utf8'))
  .join('\n');

/** The default ones take longer to make than a conversation takes to play. */
const flow = { maxTcpFlows: 16, maxUdpFlows: 16, maxOtherFlows: 16, maxHalfOpenFlows: 16 };

/** Always-on checks report only: the rules must find an attack whatever the checks would have said before. */
export const detect: PlayOptions = { rules: RULES, config: { checks: { policy: 'report' }, flow } };
export const prevent: PlayOptions = { rules: RULES, mode: 'prevent', config: { flow } };

/** One of the attacks in fixtures/patches, over TCP. */
export interface Attack {
  readonly name: string;
  readonly page: Transcript;
  readonly from: Direction;
  /** An application that has read so many bytes from there has got enough of the attack for it to be recognised. */
  readonly completeBytes: number;
}

/** All attacks in fixtures/patches. */
export const pages: readonly Pick<Attack, 'name' | 'page'>[] = transcriptsIn('fixtures/patches')
  .filter(({ kind }) => kind === 'attack')
  .map(({ patch, name, file }) => ({
    name: `${patch} ${name}`,
    page: parseTranscript(readFileSync(file, 'utf8'), file),
  }));

export const attacks: readonly Attack[] = pages
  .filter(({ page }) => page.transport === 'tcp')
  .map(({ name, page }) => ({ name, page, ...endOf(page, name) }));

export interface Sent {
  readonly played: Played;
  /** Of the segments that were sent, those that arrived. */
  readonly arrived: readonly Segment[];
}

export function send(segments: readonly Segment[], page: Transcript, options: PlayOptions, version: 4 | 6 = 4): Sent {
  const player = new Player(options);
  const endpoints: Endpoints = { ...ENDPOINTS[version], ports: [40_000, page.port] };
  const arrived = segments.filter((segment) => player.send(buildSegment(segment, endpoints)));
  return { played: player.finish(), arrived };
}

export const sortedAlerts = ({ alerts }: Played): number[] => [...new Set(alerts)].sort((a, b) => a - b);

/**
 * Whether some receiver could have read the attack from what arrived, whichever bytes it prefers where segments
 * disagree. Asks for less than it could: what every receiver ignores must be marked as a decoy.
 */
export function couldRead({ page, from, completeBytes }: Attack, arrived: readonly Segment[]): boolean {
  const wanted = Buffer.concat(page.turns.filter(({ direction }) => direction === from).map(({ bytes }) => bytes));
  const has = new Uint8Array(completeBytes);
  for (const { sequence, data, isDecoy, flags, urgentPointer, ...segment } of arrived) {
    if (segment.from !== from || isDecoy === true) continue;
    const start = sequence - 1 + (flags === 'S' ? 1 : 0);
    // RFC 6093 §3.1: it is read apart from the stream.
    const urgentIndex = flags.includes('U') ? urgentPointer! - 1 : -1;
    data.forEach((byte, index) => {
      const at = start + index;
      if (at >= 0 && at < completeBytes && byte === wanted[at] && index !== urgentIndex) has[at] = 1;
    });
  }
  return has.every((byte) => byte === 1);
}

/** Where an attack ends: byte by byte, the first one that is blocked completes it. */
function endOf(page: Transcript, name: string): Pick<Attack, 'from' | 'completeBytes'> {
  const segments = honest(page.turns, { segmentBytes: 1 });
  const { arrived } = send(segments, page, prevent);
  const blocked = segments.find((segment) => !arrived.includes(segment));
  if (blocked === undefined || !isData(blocked)) throw new Error(`${name} is not blocked at one of its bytes`);
  return { from: blocked.from, completeBytes: blocked.sequence };
}
