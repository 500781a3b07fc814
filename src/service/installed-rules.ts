import type { Logger } from '../output/log.ts';
import type { Firewall } from './firewall.ts';
import type { Interception } from './interception.ts';

export interface InstalledRulesParts {
  readonly firewall: Firewall;
  readonly log: Logger;
  /** Is told in one line what keeps traffic from being inspected. */
  readonly onFailure: (what: string) => void;
}

/** Our firewall rules: whether they are to be there, and whether they are. Every call waits for the firewall's tool. */
export class InstalledRules {
  readonly #parts: InstalledRulesParts;
  #areWanted = false;
  #areRefused = false;
  #lostTimes = 0;

  constructor(parts: InstalledRulesParts) {
    this.#parts = parts;
  }

  /** They were put there, or the firewall was asked to, and were not taken away. */
  get areWanted(): boolean {
    return this.#areWanted;
  }

  /** As far as we know. */
  get areInPlace(): boolean {
    return this.#areWanted && !this.#areRefused;
  }

  /** How often somebody else removed them. */
  get lostTimes(): number {
    return this.#lostTimes;
  }

  /** Throws what the firewall says. */
  installFirst(interception: Interception): void {
    this.#areWanted = true;
    this.#parts.firewall.install(interception);
  }

  /** A firewall that refuses is told of, and can be asked again. */
  install(interception: Interception): void {
    this.#areWanted = true;
    try {
      this.#parts.firewall.install(interception);
      this.#areRefused = false;
    } catch (error) {
      this.#areRefused = true;
      const what = `traffic is not inspected: ${(error as Error).message}`;
      this.#parts.log.error(what);
      this.#parts.onFailure(what);
    }
  }

  /** True: they are to be there and are not, which is told and counted. */
  noteLoss(): boolean {
    const { firewall, log, onFailure } = this.#parts;
    if (!this.#areWanted || firewall.isInPlace()) return false;
    this.#lostTimes++;
    const what = "somebody else removed or changed vpatch's firewall rules; putting them back";
    log.warn(what);
    onFailure(what);
    return true;
  }

  remove(): void {
    this.#areWanted = false;
    this.#attempt(() => this.#parts.firewall.remove());
  }

  /** Removes what `remove` leaves, when no queue matters any more. */
  dispose(): void {
    this.#attempt(() => this.#parts.firewall.dispose());
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#parts.log.error((error as Error).message);
    }
  }
}
