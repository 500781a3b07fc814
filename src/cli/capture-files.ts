import { CaptureFileError, readCapture } from '../capture/pcap-file.ts';
import { EXIT, Failure } from './failure.ts';
import type { Inspection } from './inspection.ts';

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
