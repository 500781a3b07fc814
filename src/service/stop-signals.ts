const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Signals that ask the service to end. SIGHUP is what a closed terminal sends; a program without a terminal may give it
 * another meaning.
 */
export class StopSignals {
  readonly first: Promise<NodeJS.Signals>;
  /** The user has lost patience. */
  readonly second: Promise<NodeJS.Signals>;
  readonly #signals: readonly NodeJS.Signals[];
  #received: (signal: NodeJS.Signals) => void = () => {};

  constructor(signals: readonly NodeJS.Signals[] = SIGNALS) {
    const resolvers: ((signal: NodeJS.Signals) => void)[] = [];
    this.first = new Promise((resolve) => resolvers.push(resolve));
    this.second = new Promise((resolve) => resolvers.push(resolve));
    this.#received = (signal) => resolvers.shift()?.(signal);
    this.#signals = signals;
    for (const signal of signals) process.on(signal, this.#received);
  }

  close(): void {
    for (const signal of this.#signals) process.off(signal, this.#received);
  }
}
