import { writeSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

const STDOUT_FD = 1;

/** Prints `N passed, N failed` as the very last line, for people and for scripts. */
export class SummaryReporter implements Reporter {
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  #isRunning = false;

  onTestRunStart(): void {
    if (!this.#isRunning) process.once('exit', () => this.#print());
    this.#isRunning = true;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    this.#passed = 0;
    this.#failed = unhandledErrors.length;
    this.#skipped = 0;
    for (const module of modules) this.#count(module);
  }

  #count(module: TestModule): void {
    let failedHere = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') this.#passed++;
      else if (state === 'failed') failedHere++;
      else this.#skipped++;
    }
    // A file that cannot be loaded, or whose hooks fail, has no failed test and has failed all the same.
    if (failedHere === 0 && !module.ok()) failedHere = 1;
    this.#failed += failedHere;
  }

  #print(): void {
    if (this.#skipped > 0) writeSync(STDOUT_FD, `skipped here: ${this.#skipped}\n`);
    writeSync(STDOUT_FD, `${this.#passed} passed, ${this.#failed} failed\n`);
  }
}
