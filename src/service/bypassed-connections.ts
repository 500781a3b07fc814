import { NativeError } from '../base/native/addon.ts';
import { takeConnectionMarks } from '../base/native/connection-marks.ts';
import type { Logger } from '../output/log.ts';

/**
 * Takes the mark of bypassed connections away from all of them, wherever it comes from: their packets are queued again.
 */
export type Recall = () => void;

/**
 * Null, with a warning: the kernel has no connection tracking that could be asked, so that no connection may be marked.
 * Takes away what a vpatch that was killed has left.
 */
export function openRecall(mark: number, log: Logger, take = takeConnectionMarks): Recall | null {
  const recall = (): void => {
    try {
      const count = take(mark);
      if (count > 0) log.debug(`${count} bypassed connections are inspected again, where they have to be`);
    } catch (error) {
      if (!(error instanceof NativeError)) throw error;
      log.error(`connections that are bypassed stay so: ${error.message}`);
    }
  };
  try {
    take(mark);
    return recall;
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    log.warn(`no connection is bypassed: ${error.message}`);
    return null;
  }
}
