import type { Config } from '../config/config.ts';
import { reasonOf } from '../config/problem.ts';
import { historyFile } from '../config/state-paths.ts';
import type { HistoryReader } from '../service/history/history-reader.ts';
import { EXIT, Failure } from './failure.ts';

/**
 * Reads the history of this configuration's state folder. Throws Failure where there is none, or nothing to be read.
 */
export async function withHistory<T>(config: Config, work: (reader: HistoryReader) => T): Promise<T> {
  const reader = await openReader(config);
  try {
    return work(reader);
  } catch (error) {
    if (!(error instanceof Error && error.name === 'SqliteError')) throw error;
    throw unreadable(config, error);
  } finally {
    reader.close();
  }
}

async function openReader(config: Config): Promise<HistoryReader> {
  const { HistoryReader, NoHistoryError } = await loadReader();
  try {
    return HistoryReader.open(historyFile(config.state.folder));
  } catch (error) {
    if (!(error instanceof NoHistoryError)) throw unreadable(config, error);
    const why =
      config.history.isEnabled === false
        ? 'history.enabled is false in the configuration'
        : '"vpatch run" keeps one where its state folder is there at the start';
    throw new Failure(EXIT.machine, `${error.message}; ${why}`);
  }
}

function unreadable({ state }: Config, error: unknown): Failure {
  const advice = process.geteuid?.() === 0 ? '' : '; only root can read it';
  return new Failure(EXIT.machine, `${historyFile(state.folder)}: cannot be read: ${reasonOf(error)}${advice}`);
}

/** Its package is one that the rest of vpatch can do without. */
async function loadReader(): Promise<typeof import('../service/history/history-reader.ts')> {
  try {
    return await import('../service/history/history-reader.ts');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error;
    throw new Failure(EXIT.machine, 'the history needs the package better-sqlite3, which is not installed here');
  }
}
