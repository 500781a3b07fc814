import { hostname } from 'node:os';
import type { NotifySettings } from '../../config/notify-settings.ts';
import type { EveLines, EventReader } from '../../output/eve-lines.ts';
import type { Logger } from '../../output/log.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { Digest } from './digest.ts';
import { type EveNotice, eveNotice } from './eve-notice.ts';
import type { Message, Notice } from './notice.ts';
import { renderMessage } from './render.ts';
import type { MessageTransport } from './transport.ts';
import { transportsOf } from './transports.ts';

/** What is told "at once" waits so long for what belongs to it: a worker that hangs, ends and is back. */
const AT_ONCE_MS = 2_000;
/** A stopping service is waited for by an administrator, and by systemd. */
const CLOSE_LIMIT_MS = 3_000;

export interface NotifierOptions {
  readonly settings: NotifySettings;
  readonly log: Logger;
  readonly now: () => number;
  /** Absent: those of the settings. */
  readonly transports?: readonly MessageTransport[];
  /** Absent: the name of this host. */
  readonly host?: string;
}

/**
 * Tells people what happens, by all transports of the settings. Called in the main thread: nothing here waits for a
 * server, and memory is bounded however many events come.
 */
export class Notifier implements EventReader {
  readonly #options: NotifierOptions;
  readonly #queues: readonly DeliveryQueue[];
  /** Apart from each other, so that an attacker cannot use up what failures need. */
  readonly #traffic: Digest;
  readonly #states: Digest;

  constructor(options: NotifierOptions) {
    const { settings, log, now, transports = transportsOf(settings), host = hostname() } = options;
    const { retries, maxWaiting, maxPerHour, digestMs } = settings;
    const render = (message: Message, lostMessages: number) => renderMessage(message, { host, lostMessages });
    this.#options = options;
    this.#queues = transports.map((transport) => new DeliveryQueue({ transport, retries, maxWaiting, render, log }));
    const send = (message: Message): void => {
      for (const queue of this.#queues) queue.push(message);
    };
    this.#traffic = new Digest({ gatherMs: Math.max(digestMs, AT_ONCE_MS), maxPerHour, now, send });
    this.#states = new Digest({ gatherMs: AT_ONCE_MS, maxPerHour, now, send });
  }

  /** Those that could not be delivered, of all transports. */
  get lostMessages(): number {
    return this.#queues.reduce((sum, { lostMessages }) => sum + lostMessages, 0);
  }

  read(lines: EveLines): void {
    for (const line of lines) {
      const notice = eveNotice(line);
      if (notice !== null && this.#isWanted(notice)) this.#traffic.add(notice);
    }
  }

  /** What is no traffic, for instance a failure: told at once. */
  notify(notice: Notice): void {
    if (this.#options.settings.kinds.includes(notice.kind)) this.#states.add(notice);
  }

  /** Sends what was gathered. What the servers do not take soon is lost. */
  async close(): Promise<void> {
    this.#states.flush();
    this.#traffic.flush();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), CLOSE_LIMIT_MS);
    });
    const isDone = await Promise.race([Promise.all(this.#queues.map(({ idle }) => idle)).then(() => true), limit]);
    clearTimeout(timer);
    if (isDone) return;
    this.#options.log.warn('the last notifications could not be delivered before the end');
    for (const queue of this.#queues) queue.abandon();
  }

  #isWanted({ kind, severity }: EveNotice): boolean {
    const { kinds, leastSevere } = this.#options.settings;
    return kinds.includes(kind) && severity <= leastSevere;
  }
}
