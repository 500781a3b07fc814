import { existsSync } from 'node:fs';
import type { Config } from '../../config/config.ts';
import { historyFile } from '../../config/state-paths.ts';
import type { Logger } from '../../output/log.ts';
import type { History } from './history.ts';

/** Null where nothing is to be kept: then nothing of it is loaded, and no thread started. */
export async function openHistory(
  { history, state }: Config,
  log: Logger,
  onFailure: (what: string) => void,
): Promise<History | null> {
  const { isEnabled, maxAgeMs, maxBytes } = history;
  if (!(isEnabled === 'auto' ? existsSync(state.folder) : isEnabled)) return null;
  const { History } = await import('./history.ts');
  return new History({ file: historyFile(state.folder), limits: { maxAgeMs, maxBytes }, log, onFailure });
}
