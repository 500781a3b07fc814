/** Puts Ethernet frames on an interface: all once, or in turn at a rate for some time. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import cap from 'cap';

/** On standard input, as JSON. */
export interface FramesToSend {
  readonly device: string;
  /** In hexadecimal. */
  readonly frames: readonly string[];
  /** Null: each once. */
  readonly flood: { readonly perSecond: number; readonly seconds: number } | null;
}

const TURN_MS = 20;
const SNAPSHOT_BYTES = 65_536;

const { device, frames, flood } = JSON.parse(readFileSync(0, 'utf8')) as FramesToSend;
const bytes = frames.map((frame) => Buffer.from(frame, 'hex'));
const link = new cap.Cap();
// `cap` writes what arrives there, and does not keep it from being collected: whoever listens does.
const received = Buffer.alloc(SNAPSHOT_BYTES);
link.open(device, '', SNAPSHOT_BYTES, received);
link.on('packet', () => received);
if (flood === null) for (const frame of bytes) link.send(frame);
else await sendInTurn(flood.perSecond, flood.seconds);
link.close();

async function sendInTurn(perSecond: number, seconds: number): Promise<void> {
  const endMs = performance.now() + 1000 * seconds;
  let sent = 0;
  while (performance.now() < endMs) {
    for (let i = 0; i < (perSecond * TURN_MS) / 1000; i++) link.send(bytes[sent++ % bytes.length]!);
    await pause(TURN_MS);
  }
}
