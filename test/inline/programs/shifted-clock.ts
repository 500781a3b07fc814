/** Sets the clock for the process that imports it and its threads, as the file OFFSET_FILE says in milliseconds. */
import { readFileSync } from 'node:fs';

const READ_INTERVAL_MS = 20;
const offsetFile = process.env.OFFSET_FILE!;
const now = Date.now;
let offsetMs = 0;
let readAtMs = 0;

Date.now = () => {
  if (performance.now() >= readAtMs) {
    readAtMs = performance.now() + READ_INTERVAL_MS;
    offsetMs = Number(readFileSync(offsetFile, 'utf8'));
  }
  return now() + offsetMs;
};
