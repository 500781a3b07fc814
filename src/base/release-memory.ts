import { setFlagsFromString } from 'node:v8';
import { measureMemory, runInNewContext } from 'node:vm';
import { trimNativeMemory } from './native/addon.ts';

/**
 * Collects this thread's garbage and returns it to the system. For the end of starting and of a change of rules, which
 * leave much behind and after which little is allocated: by itself V8 would keep it for hours. Takes a millisecond for
 * each megabyte that is in use: not where packets wait.
 */
export async function releaseMemory(): Promise<void> {
  // There is no other way to ask for it at run time. The flag is the process's and stays set: other threads may be
  // between this line and the next.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  // Node frees what native code holds for an object in a later turn of the event loop, and not while it is collected.
  await new Promise(setImmediate);
  trimNativeMemory();
}

/** Between two looks whether V8 has got on: each lets it do what it has to do in this thread. */
const LOOK_INTERVAL_MS = 100;
/** V8 marks beside everything else. A request that it has not met by then is left to it. */
const MAX_RELEASE_MS = 60_000;
/** More than what V8 takes note of (64 MiB). It is never written to, so that it takes no memory. */
const PRETENDED_BYTES = 65 * 2 ** 20;

/**
 * The same for a thread with something better to do: V8 looks for garbage in threads of its own, and this one stops for
 * some milliseconds, twice. It is done in less than a second where there is a processor for it. In one go it is done
 * only where the system refuses the address space that V8 is told of.
 */
export class GradualRelease {
  readonly #now: () => number;
  readonly #requestCollection: () => Promise<unknown>;
  /** Infinite: there is nothing to do. */
  #nextLookMs = Number.POSITIVE_INFINITY;
  #endMs = 0;
  #isCollected = false;
  /** What native code held for it is freed, too. */
  #isFreed = false;

  /** `now` is in milliseconds; what `requestCollection` promises is kept, or broken, when V8 has collected. */
  constructor(now: () => number = () => performance.now(), requestCollection = collectStepByStep) {
    this.#now = now;
    this.#requestCollection = requestCollection;
  }

  begin(): void {
    this.#nextLookMs = this.#now() + LOOK_INTERVAL_MS;
    this.#endMs = this.#now() + MAX_RELEASE_MS;
    this.#isCollected = false;
    this.#isFreed = false;
    const over = (): void => {
      this.#isCollected = true;
    };
    this.#requestCollection().then(over, over);
  }

  /** Null: nothing to do now, which is to be found out at any time. */
  goOn(): Promise<void> | null {
    return this.#nextLookMs === Number.POSITIVE_INFINITY || this.#now() < this.#nextLookMs ? null : this.#look();
  }

  async #look(): Promise<void> {
    const isLast = this.#isFreed || this.#now() >= this.#endMs;
    this.#nextLookMs = isLast ? Number.POSITIVE_INFINITY : this.#now() + LOOK_INTERVAL_MS;
    if (isLast) trimNativeMemory();
    else if (this.#isCollected) this.#isFreed = true;
    await new Promise(setImmediate);
  }
}

/**
 * V8 would begin in ten seconds, or at once with an 'eager' request, but then in one go if it has begun already.
 * Hearing of new memory outside of its heap, it begins at once, and if it has begun, goes on for some milliseconds.
 */
function collectStepByStep(): Promise<unknown> {
  // What it measures is of no interest: it has V8 collect step by step, which nothing else does at run time.
  const collected = measureMemory({ execution: 'default' });
  try {
    new ArrayBuffer(PRETENDED_BYTES);
  } catch {
    // V8 tries to make room by collecting in one go, and then begins when it is used to.
  }
  return collected;
}
