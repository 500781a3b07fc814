/** Listens on an interface until it saw some packets, or something is wrong, and tells in JSON what it has. */
import { setTimeout as pause } from 'node:timers/promises';
import { LiveCapture, type LiveCaptureOptions } from '../../src/capture/live.ts';

export interface LiveTask {
  readonly options: LiveCaptureOptions;
  /** Of the packets. */
  readonly count: number;
}

/** Packets behind the last one would come within it. */
const LATE_MS = 200;
const WAIT_LIMIT_MS = 8_000;

const { options, count } = JSON.parse(process.argv[2]!) as LiveTask;
const seen: object[] = [];

try {
  const capture = await LiveCapture.open(options, ({ bytes, start, end, wireBytes, timeMs, number, linkType }) => {
    const hex = Buffer.from(bytes.subarray(start, end)).toString('hex');
    seen.push({ hex, wireBytes, age: Date.now() - timeMs, number, linkType });
    if (seen.length < count) return;
    capture.close();
    capture.close();
    const { packets, cutPackets, linkType: link } = capture;
    setTimeout(() => tell({ seen, packets, cutPackets, linkType: link }), LATE_MS);
  });
  console.error('listening');
} catch (error) {
  // What it has opened must not bring the process down when it is collected.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.();
    await pause(50);
  }
  const { name, problem, message } = error as Error & { problem?: string };
  tell({ name, problem, message });
}
setTimeout(() => tell({ seen, timeout: true }), WAIT_LIMIT_MS);

function tell(result: object): never {
  console.log(JSON.stringify(result));
  process.exit(0);
}
