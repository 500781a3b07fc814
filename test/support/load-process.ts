/**
 * The clients of a load: one page, or name, after the other until standard input ends, and then what became of them, as
 * JSON.
 */
import { Agent, get } from 'node:http';
import { get as getByTls, Agent as TlsAgent } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { addressOf } from './dns-query.ts';
import type { LoadOptions, LoadResult } from './load.ts';

export interface LoadSettings extends Required<Omit<LoadOptions, 'perSecond'>> {
  readonly perSecond?: number;
}

const AFTER_FAILURE_MS = 20;

const { url, page, clients, fresh, limitMs, pauseMs, perSecond } = JSON.parse(process.argv[2]!) as LoadSettings;
/** Between the beginnings of two requests of a client. 0: there are pauses instead. */
const periodMs = perSecond === undefined ? 0 : (1000 * clients) / perSecond;
const { protocol, hostname, pathname } = new URL(url);
const failures: string[] = [];
let names = 0;
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
  const AgentClass = protocol === 'https:' ? TlsAgent : Agent;
  const agent = new AgentClass({ keepAlive: !fresh, maxSockets: 1 });
  while (!isOver) {
    const begunMs = performance.now();
    const failure = protocol === 'dns:' ? await resolve() : await request(agent);
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
function request(agent: Agent): Promise<string | null> {
  return new Promise((resolve) => {
    const settings = { agent, timeout: limitMs, rejectUnauthorized: false };
    const asked = (protocol === 'https:' ? getByTls : get)(url, settings, (response) => {
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

/** The same for an address. Each name is another one. */
async function resolve(): Promise<string | null> {
  try {
    const address = await addressOf(`n${names++}.${pathname.slice(1)}`, hostname, limitMs);
    return address === page ? null : `address ${address}`;
  } catch (error) {
    return (error as Error).message;
  }
}
