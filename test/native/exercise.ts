/**
 * Drives every native function, with good and with bad arguments, for native/check-sanitizers.sh. Ends with an error
 * when a native object survives its JavaScript owner, or when making and collecting them takes ever more memory.
 */
import { liveNativeObjects } from '../../src/base/native/addon.ts';
import { MATCH_CASELESS, Matcher, MatcherCompiler } from '../../src/base/native/matcher.ts';
import { NfQueue, QUEUE_COLUMNS, QUEUE_FLAG } from '../../src/base/native/queue.ts';
import { Regex } from '../../src/base/native/regex.ts';

const ROUNDS = 40;
const WARM_UP_ROUNDS = 20;
/** Growth of the resident set that we put down to the collector and to the quarantine of the sanitizer. */
const MAX_GROWTH_BYTES = 48 * 1024 * 1024;

const collect = globalThis.gc;
if (collect === undefined) throw new Error('run with --expose-gc');

let seed = 1;
function random(below: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return (seed >>> 8) % below;
}

/** A copy of its own allocation, so that a read beyond it is a read out of bounds. */
const randomBytes = (length: number, alphabet: number): Uint8Array =>
  Uint8Array.from({ length }, () => (alphabet === 256 ? random(256) : 97 + random(alphabet)));

function expectError(act: () => unknown): void {
  try {
    act();
  } catch {
    return;
  }
  throw new Error(`no error from ${act}`);
}

function exerciseMatcher(): void {
  const alphabet = [2, 26, 256][random(3)]!;
  const patterns = Array.from({ length: 1 + random(300) }, () => ({
    bytes: randomBytes(1 + random(20), alphabet),
    flags: random(2) * MATCH_CASELESS,
  }));
  const matcher = Matcher.compile(patterns);
  const loaded = Matcher.load(matcher.serialize());
  for (const length of [0, 1, 2, 15, 16, 17, 63, 64, 65, 1448, 9000]) {
    const subject = randomBytes(length, alphabet);
    for (const start of [0, Math.min(3, length)]) {
      const found = new Set(matcher.results.subarray(0, matcher.scan(subject, start, length)));
      if (loaded.scan(subject, start, length) !== found.size)
        throw new Error('the loaded matcher finds something else');
      const text = Buffer.from(subject.subarray(start)).toString('latin1');
      const folded = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
      for (const [i, { bytes, flags }] of patterns.entries()) {
        const wanted = Buffer.from(bytes).toString('latin1');
        const isThere = flags
          ? folded.includes(wanted.replace(/[A-Z]/g, (letter) => letter.toLowerCase()))
          : text.includes(wanted);
        if (isThere !== found.has(i)) throw new Error(`pattern ${i} is ${isThere ? 'overlooked' : 'made up'}`);
      }
    }
    expectError(() => matcher.scan(subject, 0, length + 1));
  }
  expectError(() => Matcher.load(matcher.serialize().subarray(0, 40)));
  expectError(() => Matcher.compile([]));
  // Nobody finishes these: their thread ends with the compiler.
  const left = new MatcherCompiler();
  for (let i = 0; i < 3; i++) left.begin(patterns);
  expectError(() => matcher.scan('text' as unknown as Uint8Array, 0, 1));
}

function exerciseRegex(): void {
  const limits = { matchLimit: 3500, depthLimit: 1500 };
  const atoms = [
    'a',
    'b',
    '.',
    '[^a]',
    '(a)',
    '(?:b|c)',
    'a*',
    '(b+)',
    '\\w',
    '(?=c)',
    '(?<=a)',
    '^',
    '$',
    '(*NO_JIT)',
    '(',
  ];
  const pattern = Array.from({ length: 1 + random(6) }, () => atoms[random(atoms.length)]).join('');
  let regex: Regex;
  try {
    regex = new Regex(pattern, 0, limits);
  } catch {
    return;
  }
  for (const length of [0, 1, 7, 100, 5000]) {
    const subject = randomBytes(length, 3);
    const start = random(length + 1);
    const from = start + random(length - start + 1);
    if (regex.match(subject, start, length, from) <= 0) continue;
    const [at, end] = regex.groups as unknown as [number, number];
    if (at < from || end > length || at > end) throw new Error(`${pattern} matches at ${at} to ${end}`);
  }
  expectError(() => regex.match(new Uint8Array(2), 0, 3, 0));
  expectError(() => regex.match(new Uint8Array(2), 1, 2, 0));
}

/** In a namespace without traffic; what packets do is the part of queue.test.ts. */
function exerciseQueue(): void {
  const capacity = 8;
  const slotBytes = 8192;
  const options = {
    ...{ queue: random(65_536), maxLength: 64, copyBytes: 4096, receiveBufferBytes: 65_536, flags: QUEUE_FLAG.GSO },
    ...{ capacity, slotBytes, bytes: new Uint8Array(capacity * slotBytes) },
    rows: new Uint32Array(capacity * QUEUE_COLUMNS),
    verdicts: new Uint8Array(capacity),
    marks: new Uint32Array(capacity),
  };
  const queue = new NfQueue(options);
  expectError(() => new NfQueue(options));
  expectError(() => queue.decide(1));
  queue.receive(0);
  queue.receive(1);
  queue.decide(0);
  if (queue.portId === 0) throw new Error('strange queue');
  if (random(2) === 0) queue.close();
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise(setImmediate);
  }
};

const withQueue = process.argv.includes('--queue');
let residentBytes = 0;
for (let round = 0; round < ROUNDS; round++) {
  exerciseMatcher();
  for (let i = 0; i < 50; i++) exerciseRegex();
  if (withQueue) exerciseQueue();
  await settle();
  const alive = liveNativeObjects();
  if (alive !== 0) throw new Error(`${alive} native objects survive`);
  if (round === WARM_UP_ROUNDS) residentBytes = process.memoryUsage.rss();
}
const growth = process.memoryUsage.rss() - residentBytes;
if (growth > MAX_GROWTH_BYTES) throw new Error(`the process grew by ${growth} bytes`);
console.log(
  `natives exercised ${ROUNDS} times${withQueue ? ', with queues' : ''}: none survives, growth ${growth} bytes`,
);
