import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureFileError, readCapture } from '../capture/pcap-file.ts';
import { EXIT, Failure } from './failure.ts';
import type { Inspection } from './inspection.ts';

/** Of files in a folder; one that is named itself may be called anything. */
const CAPTURE_NAME = /\.(?:pcap|pcapng|cap)$/i;

/**
 * For each folder the captures below it, in the order of their paths. Throws Failure for a folder without any: whoever
 * names it means something to be inspected.
 */
export const capturesIn = (places: readonly string[]): readonly string[] =>
  places.flatMap((place) => {
    // What is not there is told of where it would be read.
    if (statSync(place, { throwIfNoEntry: false })?.isDirectory() !== true) return [place];
    const found = readdirSync(place, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && CAPTURE_NAME.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    if (found.length === 0)
      throw new Failure(EXIT.usage, `${place}: no capture file (.pcap, .pcapng, .cap) is below it`);
    return found;
  });

/** One after the other; connections do not go on from one to the next. Throws Failure for the first that is broken. */
export async function inspectCaptures(files: readonly string[], inspection: Inspection): Promise<void> {
  for (const file of files) {
    try {
      await readCapture(file, (captured) => inspection.process(captured));
    } catch (error) {
      if (!(error instanceof CaptureFileError)) throw error;
      throw new Failure(error.packetNumber === 0 ? EXIT.usage : EXIT.problem, error.message);
    }
    inspection.finish();
  }
}
