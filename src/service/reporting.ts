import type { Config } from '../config/config.ts';
import type { Logger } from '../output/log.ts';
import { EventFeed } from './event-feed.ts';
import { EventOutputs } from './event-outputs.ts';
import { EventTally } from './event-tally.ts';
import type { History } from './history/history.ts';
import { openHistory } from './history/open.ts';
import type { Notice } from './notify/notice.ts';
import type { Notifier } from './notify/notifier.ts';
import { failureNotice, openNotifier } from './notify/open.ts';

/** All that is told what happens: outputs, the history, whoever is notified, and what is counted for `vpatch top`. */
export class Reporting {
  readonly outputs: EventOutputs;
  /** Null: none is kept. */
  readonly history: History | null;
  readonly tally = new EventTally(Date.now);
  readonly events: EventFeed;
  readonly #notifier: Notifier | null;
  readonly #reopen = (): void => this.outputs.reopen();

  private constructor(outputs: EventOutputs, history: History | null, notifier: Notifier | null) {
    this.outputs = outputs;
    this.history = history;
    this.#notifier = notifier;
    this.events = new EventFeed([outputs, history, notifier, this.tally]);
    // The event file was renamed. Unheard, the signal would open Node's debugger.
    process.on('SIGUSR1', this.#reopen);
    if (!process.stdin.isTTY) process.on('SIGHUP', this.#reopen);
  }

  /** Throws what the system says of an event file that cannot be opened. */
  static async open(config: Config, log: Logger): Promise<Reporting> {
    const notifier = await openNotifier(config.notify, log);
    const outputs = EventOutputs.open(config.outputs, log);
    const history = await openHistory(config, log, (what) => notifier?.notify(failureNotice(what, Date.now())));
    if (outputs.isEmpty && history === null) {
      log.warn('no event output is configured: matches are counted but not reported; see --eve');
    }
    return new Reporting(outputs, history, notifier);
  }

  /** Messages that nobody could be sent; null: nobody is notified. */
  get lostMessages(): number | null {
    return this.#notifier?.lostMessages ?? null;
  }

  notify(notice: Notice): void {
    this.#notifier?.notify(notice);
  }

  /** `what`: one line, as in the log. */
  tellFailure(what: string): void {
    this.notify(failureNotice(what, Date.now()));
  }

  /** Resolves when what waits has been written or sent, as far as that goes. */
  async close(): Promise<void> {
    process.off('SIGUSR1', this.#reopen);
    process.off('SIGHUP', this.#reopen);
    await this.outputs.close();
    await this.history?.close();
    await this.#notifier?.close();
  }
}
