import { sendDatagram } from '../base/native/notify.ts';
import type { Logger } from '../output/log.ts';

const US_PER_MS = 1000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whoever has started the service and wants to know how it is: systemd (sd_notify(3)). Without one, nothing is said.
 */
export class ServiceManager {
  /** A sign of life is due at least this often; null: nobody waits for one. */
  readonly watchdogMs: number | null;
  readonly #socket: string | null;
  readonly #send: (path: string, text: string) => void;
  readonly #log: Logger;
  #hasFailed = false;

  constructor(log: Logger, environment: Environment = process.env, send = sendDatagram) {
    this.#log = log;
    this.#send = send;
    this.#socket = environment.NOTIFY_SOCKET || null;
    const isForUs = environment.WATCHDOG_PID === undefined || environment.WATCHDOG_PID === String(process.pid);
    const watchdogUs = Number(environment.WATCHDOG_USEC ?? 0);
    this.watchdogMs = isForUs && watchdogUs > 0 ? watchdogUs / US_PER_MS : null;
  }

  /** Traffic is inspected from now on. */
  ready(status: string): void {
    this.#notify(`READY=1\nSTATUS=${oneLine(status)}`);
  }

  status(status: string): void {
    this.#notify(`STATUS=${oneLine(status)}`);
  }

  stopping(): void {
    this.#notify('STOPPING=1');
  }

  /** Only when every worker gets on: a timer would say the same of a service that does nothing. */
  alive(): void {
    if (this.watchdogMs !== null) this.#notify('WATCHDOG=1');
  }

  #notify(text: string): void {
    if (this.#socket === null) return;
    try {
      this.#send(this.#socket, text);
    } catch (error) {
      if (!this.#hasFailed) this.#log.warn(`the service manager cannot be told: ${(error as Error).message}`);
      this.#hasFailed = true;
    }
  }
}

const oneLine = (text: string): string => text.replaceAll('\n', ' ');
