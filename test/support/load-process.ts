/** The client of a load: one page after the other until standard input ends, and then what became of them, as JSON. */
import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadOptions, LoadResult } from './load.ts';

export interface LoadSettings extends Required<Omit<LoadOptions, 'perSecond'>> {
  readonly perSecond?: number;
}

const AFTER_FAILURE_MS = 20;

const { url, page, clients, fresh, limitMs, pauseMs, perSecond } = JSON.parse(process.argv[2]!) as LoadSettings;
/** Between the beginnings of two requests of a client. 0: there are pauses instead. */
const periodMs = perSecond === undefined ? 0 : (1000 * clients) / perSecond;
const failures: string[] = [];
let requests = 0;
let longestGapMs = 0;
let slowestMs = 0;
let lastMs = performance.now();
let isOver = false;
let mostPerSecond = 0;
let requestsBefore = 0;

setInterval(() => {
  mostPerSecond = Math.max(mostPerSecond, requests - requestsBefore);
  requestsBefore = requests;
}, 1000).unref();
process.stdin.on('end', () => {
  isOver = true;
});
process.stdin.resume();
await Promise.all(Array.from({ length: clients }, requestInTurn));
longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
console.log(JSON.stringify({ requests, failures, longestGapMs, slowestMs, mostPerSecond } satisfies LoadResult));
process.exit(0);

async function requestInTurn(): Promise<void> {
  const agent = fresh ? false : new Agent({ keepAlive: true, maxSockets: 1 });
  while (!isOver) {
    const begunMs = performance.now();
    const failure = await request(agent);
    const nowMs = performance.now();
    slowestMs = Math.max(slowestMs, nowMs - begunMs);
    if (failure === null) {
      longestGapMs = Math.max(longestGapMs, nowMs - lastMs);
      lastMs = nowMs;
      if (requests === 0) console.log('begun');
      requests++;
    } else {
      failures.push(failure);
    }
    const restMs = periodMs === 0 ? pauseMs : Math.max(0, begunMs + periodMs - performance.now());
    await pause(failure === null ? restMs : AFTER_FAILURE_MS);
  }
}

/** Why the page did not come; null: it did. */
function request(agent: Agent | false): Promise<string | null> {
  return new Promise((resolve) => {
    const asked = get(url, { agent, timeout: limitMs }, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(text === page ? null : `status ${response.statusCode}`));
      response.on('error', (error) => resolve(error.message));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', (error) => resolve(error.message));
  });
}
