import { APP_NAMES } from '../app/names.ts';

/** What records of ordinary traffic can be had of: each protocol's exchanges, files, whole flows. */
export const RECORD_TYPES: readonly string[] = [...APP_NAMES, 'fileinfo', 'flow'];
