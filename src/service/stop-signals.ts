const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Signals that ask the service to end. SIGHUP is what a closed terminal sends; unheard, it would kill us at once. */
export class StopSignals {
  readonly first: Promise<NodeJS.Signals>;
  /** The user has lost patience. */
  readonly second: Promise<NodeJS.Signals>;
  #received: (signal: NodeJS.Signals) => void = () => {};

  constructor() {
    const resolvers: ((signal: NodeJS.Signals) => void)[] = [];
    this.first = new Promise((resolve) => resolvers.push(resolve));
    this.second = new Promise((resolve) => resolvers.push(resolve));
    this.#received = (signal) => resolvers.shift()?.(signal);
    for (const signal of SIGNALS) process.on(signal, this.#received);
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#received);
  }
}
