import { expect, test } from 'vitest';
import { PeakRelease } from '../../src/service/peak-release.ts';

const MIB = 2 ** 20;

/** A worker at rest, with 100 MiB. */
class Rest {
  mib = 100;
  releases = 0;
  #nowMs = 0;
  readonly #peaks = new PeakRelease(
    () => {
      this.releases++;
    },
    () => this.mib * MIB,
    () => this.#nowMs,
  );

  pass(seconds: number, packetsPerSecond: number): void {
    for (let n = 0; n < seconds; n++) {
      this.#nowMs += 1000;
      this.#peaks.note(packetsPerSecond);
    }
  }
}

test('what a peak leaves behind is released once it is quiet', () => {
  const worker = new Rest();
  worker.pass(60, 10);
  expect(worker.releases).toBe(0);
  worker.mib = 120;
  worker.pass(60, 20_000);
  expect(worker.releases).toBe(0);
  worker.pass(10, 10);
  expect(worker.releases).toBe(1);
});

test('what a greater peak leaves behind is released among packets too, but seldom', () => {
  const worker = new Rest();
  worker.pass(60, 20_000);
  for (let peak = 1; peak <= 6; peak++) {
    worker.mib += 40;
    worker.pass(10, 20_000);
  }
  expect(worker.releases).toBe(2);
});

test('what is in use is not released again and again, but further growth is', () => {
  const worker = new Rest();
  worker.mib = 300;
  worker.pass(6, 10);
  worker.mib = 280;
  worker.pass(600, 10);
  expect(worker.releases).toBe(1);
  worker.mib = 290;
  worker.pass(60, 10);
  expect(worker.releases).toBe(1);
  worker.mib = 310;
  worker.pass(60, 10);
  expect(worker.releases).toBe(2);
});

test('what has become less by itself may not grow back unnoticed', () => {
  const worker = new Rest();
  worker.mib = 80;
  worker.pass(40, 10);
  worker.mib = 100;
  worker.pass(40, 10);
  expect(worker.releases).toBe(1);
});
