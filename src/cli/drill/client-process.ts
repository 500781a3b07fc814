/**
 * The client of the drill, in a namespace: asks for pages all the time and attacks between them, until standard input
 * ends. Says how it goes several times a second.
 */
import { Agent, get } from 'node:http';
import { ATTACK_PATH, type ClientSettings, type Figures, PAGE } from './messages.ts';

const REPORT_INTERVAL_MS = 100;
/** Between two requests of a client: a load that leaves the host to its own work. */
const PAUSE_MS = 10;
const RETRY_MS = 20;
/** What a blocked attack waits for. On one cable, an answer takes a hundredth of it. */
const ATTACK_LIMIT_MS = 250;

const settings = JSON.parse(process.argv[2]!) as ClientSettings;
const figures = { requests: 0, failed: 0, outageMs: 0, attacks: 0, passed: 0, blockedInTurn: 0 };
let answeredMs = performance.now();

for (let at = 0; at < settings.clients; at++) void ask();
void attack();
setInterval(report, REPORT_INTERVAL_MS);
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL')).resume();

async function ask(): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (;;) {
    const isAnswered = await receives('/', settings.limitMs, agent);
    if (isAnswered) {
      noteOutage();
      answeredMs = performance.now();
      figures.requests++;
    } else figures.failed++;
    await pause(isAnswered ? PAUSE_MS : RETRY_MS);
  }
}

async function attack(): Promise<void> {
  for (;;) {
    const hasPassed = await receives(ATTACK_PATH, ATTACK_LIMIT_MS, new Agent());
    figures.attacks++;
    if (hasPassed) figures.passed++;
    figures.blockedInTurn = hasPassed ? 0 : figures.blockedInTurn + 1;
    await pause(PAUSE_MS);
  }
}

function receives(path: string, limitMs: number, agent: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    const { host, port } = settings;
    const request = get({ host, port, path, agent, timeout: limitMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(text === PAGE));
      response.on('error', () => resolve(false));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

const noteOutage = (): void => {
  figures.outageMs = Math.max(figures.outageMs, Math.round(performance.now() - answeredMs));
};

function report(): void {
  noteOutage();
  console.log(JSON.stringify(figures satisfies Figures));
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
