/** Loads the serialized matcher that it is given, and answers with what it finds. */
import { parentPort, workerData } from 'node:worker_threads';
import { Matcher } from '../../src/base/native/matcher.ts';
import { Regex } from '../../src/base/native/regex.ts';

const subject = Buffer.from('abc\0x', 'latin1');

const loaded = Matcher.load(workerData as Uint8Array);
const found = [...loaded.results.subarray(0, loaded.scan(subject, 0, subject.length))].sort();

const regex = new Regex('bc', 0, { matchLimit: 1000, depthLimit: 1000 });
regex.match(subject, 0, subject.length, 0);

const compiled = Matcher.compile([{ bytes: Buffer.from('c'), flags: 0 }]);
parentPort!.postMessage({ found, groups: [...regex.groups], compiled: compiled.scan(subject, 0, subject.length) });
