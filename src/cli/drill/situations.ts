import { appendFileSync } from 'node:fs';
import type { FailureMode } from '../../config/config.ts';
import { BROKEN_RULE, type Figures } from './messages.ts';
import { CLIENTS, type EngineOptions, type Rehearsal } from './rehearsal.ts';

/** Something that goes wrong, or is done, while requests and attacks go on. */
export interface Situation {
  /** Stable, for scripts. */
  readonly name: string;
  readonly title: string;
  readonly promises: Readonly<Record<FailureMode, Promised>>;
  readonly clients?: number;
  /** The service that it begins with: one of its own, or none (null). Left out: the one that runs. */
  readonly engine?: EngineOptions | null;
  /** Makes it happen, and resolves when it is over. */
  readonly happen: (rehearsal: Rehearsal) => Promise<void>;
}

export interface Promised {
  readonly text: string;
  /** Requests that may fail. */
  readonly maxFailed: number;
  /** The longest time without an answer; null: as long as it lasts. */
  readonly maxOutageMs: number | null;
  /** Attacks may pass, since nobody inspects. */
  readonly isUninspected: boolean;
}

/** How long a situation lasts that does not end by itself: several times what TCP needs to send again. */
const LASTING_MS = 2_500;
/** A hanging worker is noticed within two seconds, and TCP has sent again 3.2 s after the first loss. */
const NOTICED_MS = 2_000;
const SENT_AGAIN_MS = 3_500;
/** Shorter than whatever lasts; a busy host may need it to go on. */
const SHORT_MS = 2_000;
/** The shortest queue, and more connections than fit. */
const SHORT_QUEUE_PACKETS = 16;
const MANY_CLIENTS = 40;
/** Shorter than stopping takes. */
const IMPATIENT_MS = 50;
const ANY = Number.POSITIVE_INFINITY;

const NOTHING_NOTICED = { maxFailed: 0, maxOutageMs: SHORT_MS, isUninspected: false } as const;
const both = (promised: Promised): Situation['promises'] => ({ open: promised, closed: promised });

export const SITUATIONS: readonly Situation[] = [
  {
    name: 'start',
    title: 'the service starts',
    promises: both({
      ...NOTHING_NOTICED,
      text: 'connections go on, and are inspected from then on',
      isUninspected: true,
    }),
    engine: null,
    happen: (rehearsal) => rehearsal.startEngine(),
  },
  {
    name: 'bad-rules',
    title: 'a reload of rules of which one is wrong',
    promises: both({ ...NOTHING_NOTICED, text: 'it is refused, and everything stays as it was' }),
    happen: async (rehearsal) => {
      appendFileSync(rehearsal.rulesFile, BROKEN_RULE);
      const answer = await rehearsal.ask({ command: 'reload', force: false });
      if (answer.status === 'ok') throw new Error('it was not refused');
    },
  },
  {
    name: 'worker-killed',
    title: 'a worker is killed',
    promises: {
      open: {
        text: 'traffic passes until a new one inspects',
        maxFailed: CLIENTS,
        maxOutageMs: SENT_AGAIN_MS,
        isUninspected: true,
      },
      closed: {
        text: 'traffic drops until a new one inspects',
        maxFailed: ANY,
        maxOutageMs: null,
        isUninspected: false,
      },
    },
    happen: (rehearsal) => failWorkers(rehearsal, 'kill'),
  },
  {
    name: 'worker-hangs',
    title: 'a worker hangs',
    promises: {
      open: {
        text: 'it is noticed within 2 s, and traffic passes until a new one inspects',
        maxFailed: CLIENTS,
        maxOutageMs: NOTICED_MS + SENT_AGAIN_MS,
        isUninspected: true,
      },
      closed: {
        text: 'it is noticed within 2 s, and traffic drops until a new one inspects',
        maxFailed: ANY,
        maxOutageMs: null,
        isUninspected: false,
      },
    },
    happen: (rehearsal) => failWorkers(rehearsal, 'hang'),
  },
  {
    name: 'firewall-flushed',
    title: 'another tool flushes the firewall',
    promises: both({
      text: 'traffic passes for some seconds, until the rules are put back',
      maxFailed: 0,
      maxOutageMs: SHORT_MS,
      isUninspected: true,
    }),
    happen: async (rehearsal) => {
      const lost = (await rehearsal.status())?.incidents.lostRules ?? 0;
      // Whichever of them the service has taken; not every host has all.
      rehearsal.run('nft', ['flush', 'ruleset']);
      for (const tool of ['iptables', 'iptables-legacy']) rehearsal.run(tool, ['-t', 'mangle', '-F']);
      await rehearsal.until(
        'the rules are put back',
        async () => ((await rehearsal.status())?.incidents.lostRules ?? 0) > lost,
      );
    },
  },
  {
    name: 'process-killed',
    title: 'the process is killed, and started again after 2.5 s',
    promises: {
      open: {
        text: 'traffic passes until it runs again',
        maxFailed: CLIENTS,
        maxOutageMs: SENT_AGAIN_MS,
        isUninspected: true,
      },
      closed: { text: 'traffic drops until it runs again', maxFailed: ANY, maxOutageMs: null, isUninspected: false },
    },
    happen: async (rehearsal) => {
      await rehearsal.endEngine();
      await rehearsal.pause(LASTING_MS);
      await rehearsal.startEngine();
    },
  },
  {
    name: 'stop',
    title: 'the service stops',
    promises: both({ ...NOTHING_NOTICED, text: 'connections go on, uninspected', isUninspected: true }),
    happen: (rehearsal) => {
      rehearsal.engine?.signal('SIGTERM');
      return hasEnded(rehearsal);
    },
  },
  {
    name: 'stop-at-once',
    title: 'a second signal ends the service that stops',
    promises: both({ ...NOTHING_NOTICED, text: 'connections go on, uninspected', isUninspected: true }),
    happen: async (rehearsal) => {
      rehearsal.engine?.signal('SIGTERM');
      await rehearsal.pause(IMPATIENT_MS);
      rehearsal.engine?.signal('SIGTERM');
      await hasEnded(rehearsal);
    },
  },
  {
    name: 'queue-full',
    title: 'the process does not get on for 2.5 s, and its queue (here of 16 packets) is full',
    promises: {
      open: {
        text: 'what does not fit passes',
        maxFailed: SHORT_QUEUE_PACKETS,
        maxOutageMs: SHORT_MS,
        isUninspected: true,
      },
      closed: { text: 'what does not fit drops', maxFailed: ANY, maxOutageMs: null, isUninspected: false },
    },
    clients: MANY_CLIENTS,
    engine: { queueLengthPackets: SHORT_QUEUE_PACKETS },
    happen: async (rehearsal) => {
      rehearsal.engine?.signal('SIGSTOP');
      await rehearsal.pause(LASTING_MS);
      rehearsal.engine?.signal('SIGCONT');
    },
  },
  {
    name: 'disk-full',
    title: 'the disk of the events is full',
    promises: both({ ...NOTHING_NOTICED, text: 'events are lost and counted, and verdicts do not wait' }),
    engine: { hasSmallDisk: true },
    happen: (rehearsal) =>
      rehearsal.until('events are lost', async () => ((await rehearsal.status())?.events.lostLines ?? 0) > 0),
  },
];

/** What is not as it was promised; null: nothing. */
export function brokenPromise({ maxFailed, maxOutageMs, isUninspected }: Promised, figures: Figures): string | null {
  if (!isUninspected && figures.passed > 0) return `${figures.passed} attacks passed`;
  if (figures.failed > maxFailed) return `${figures.failed} requests failed, instead of at most ${maxFailed}`;
  if (maxOutageMs === null || figures.outageMs <= maxOutageMs) return null;
  return `no answer for ${figures.outageMs} ms, instead of at most ${maxOutageMs}`;
}

async function hasEnded(rehearsal: Rehearsal): Promise<void> {
  await rehearsal.until('the service ends', () => rehearsal.engine === null);
  const { requests } = rehearsal.figures;
  await rehearsal.until('pages arrive', () => rehearsal.figures.requests > requests + CLIENTS);
}

async function failWorkers(rehearsal: Rehearsal, how: 'kill' | 'hang'): Promise<void> {
  const before = (await rehearsal.status())?.incidents.restarts ?? 0;
  rehearsal.engine?.tell(how);
  await rehearsal.until('it is noticed', async () => ((await rehearsal.status())?.incidents.restarts ?? 0) > before);
}
