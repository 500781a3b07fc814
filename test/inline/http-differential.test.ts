import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP_EVENTS } from '../../src/app/all-events.ts';
import { AppLayer } from '../../src/app/app-layer.ts';
import type { HttpTransaction } from '../../src/app/http/transaction.ts';
import { normalizeTarget, splitTarget, targetParts } from '../../src/app/http/uri.ts';
import { type AppSink, STAGE } from '../../src/app/protocol.ts';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { fuzzRuns, isFuzzing } from '../support/fuzz.ts';
import { Random } from '../support/random.ts';
import { describeWith } from './clean-bed.ts';
import { mutated, type RawRequests, requestCorpus } from './http-requests.ts';
import { type Answered, HttpServers, type Seen, type ServerName, SHOWN_BYTES, serversHere } from './http-servers.ts';

/** Behind every case: a server that has taken them for something else tells by that. */
const SENTINELS = [1, 2].map((n) => `GET /sentinel-${n} HTTP/1.1\r\nHost: sentinel.example\r\n\r\n`).join('');

/**
 * As long as an answer may take. Those that seem to disagree are asked again, fewer at a time: the machine may be busy.
 */
const ATTEMPTS = [
  { silenceMs: 250, connections: 64 },
  { silenceMs: 2000, connections: 16 },
  { silenceMs: 8000, connections: 4 },
] as const;

/** Servers that leave it to the application to decode a target. */
const HANDS_OVER_TARGETS: ReadonlySet<ServerName> = new Set(['node', 'python', 'java']);

const MUTATIONS = fuzzRuns(300);

/** What we make of the same bytes. */
interface Understood {
  readonly requests: readonly Request[];
  /** Checks that refuse it. */
  readonly refusedBy: readonly string[];
}

interface Request extends Seen {
  /** Whatever follows is not HTTP for a server that agrees. Node waits for somebody to take it, and answers no more. */
  readonly isUpgrade: boolean;
  /**
   * Its path as it was sent. `http.uri_delim_non_compliant` tells where it ends in what Python takes for white space.
   */
  readonly target: string;
  /** Its target is no path. */
  readonly isConnect: boolean;
}

describe('requests are understood as servers understand them, or refused', () => {
  describeWith(['nginx', 'apache2', 'curl', 'perl', 'python3'], 'nginx, Apache, Node, Python and Java', () => {
    let servers: HttpServers;
    beforeAll(async () => {
      servers = await HttpServers.start();
    }, 60_000);
    afterAll(() => servers?.close());

    const disagreements = async (server: ServerName, cases: readonly RawRequests[]): Promise<string[]> => {
      let suspects = cases.map((one) => ({ ...one, bytes: fromLatin1(one.text + SENTINELS), what: '' }));
      for (const attempt of ATTEMPTS) {
        const bytes = suspects.map((one) => one.bytes);
        const answered = bytes.length === 0 ? [] : await servers.ask(server, bytes, attempt);
        suspects = suspects.flatMap((one, i) => {
          const what = difference(server, understand(one.bytes), answered[i]!);
          return what === null ? [] : [{ ...one, what }];
        });
      }
      return suspects.map(({ name, text, what }) => `${name}: ${JSON.stringify(text)}: ${what}`);
    };

    const corpus = requestCorpus();

    test.each(serversHere())(
      '%s',
      async (server) => {
        expect(await disagreements(server, corpus)).toEqual([]);
      },
      120_000,
    );

    test.each(serversHere())(
      '%s, after small changes',
      async (server) => {
        const random = new Random(isFuzzing ? randomInt(2 ** 31) : 1);
        const cases = Array.from({ length: MUTATIONS }, () => mutated(corpus, random));
        expect(await disagreements(server, cases)).toEqual([]);
      },
      600_000,
    );

    test('each of them answers, and the comparison is one', async () => {
      const text = fromLatin1(SENTINELS);
      for (const server of serversHere()) {
        const [answered] = await servers.ask(server, [text], ATTEMPTS[1]);
        expect(answered!.answers.map(({ seen }) => seen?.path)).toEqual(['/sentinel-1', '/sentinel-2']);
        expect(difference(server, understand(text), answered!)).toBeNull();
        const other = understand(fromLatin1(SENTINELS.replace('sentinel-2', 'sentinel-3')));
        expect(difference(server, other, answered!)).toContain('path');
        expect(difference(server, understand(fromLatin1(`${SENTINELS}${SENTINELS}`)), answered!)).not.toBeNull();
      }
    });
  });
});

/** Null: they agree, or the request does not reach the server. */
function difference(server: ServerName, ours: Understood, { answers, isOpen }: Answered): string | null {
  const { requests, refusedBy } = ours;
  if (refusedBy.length > 0) return null;
  for (const [index, { seen }] of answers.entries()) {
    if (seen === null) continue;
    const ours = requests[index];
    const what = ours === undefined ? 'we do not see it' : differenceIn(server, ours, seen);
    if (what !== null) return `request ${index}: ${what}`;
  }
  if (answers.length >= requests.length || !isOpen || requests.some(({ isUpgrade }) => isUpgrade)) return null;
  return `it answers ${answers.length} requests and reads on, we see ${requests.length}`;
}

function differenceIn(server: ServerName, ours: Request, theirs: Seen): string | null {
  const path = theirPath(server, ours, theirs);
  const pairs: [string, string, string][] = [
    ['method', ours.method, theirs.method],
    [
      'path',
      server === 'python' ? (rawPath(ours.target.replace(/[\x85\xa0]+$/, '')) ?? ours.path) : ours.path,
      path ?? ours.path,
    ],
    ['query', ours.query, theirs.query.replace(/#.*$/s, '')],
    ['length of the body', ours.bodyBytes, theirs.bodyBytes],
    ['body', ours.body, theirs.body],
  ];
  // Without a Host, some servers have one of their own, and others none; a field of ours that they do not see hides
  // nothing.
  if (ours.host !== '' && (theirs.host !== '' || !HANDS_OVER_TARGETS.has(server)))
    pairs.push(['host', bare(ours.host), bare(theirs.host)]);
  const [what, our, their] = pairs.find(([, a, b]) => a !== b) ?? [];
  return what === undefined ? null : `its ${what} is ${JSON.stringify(their)}, ours ${JSON.stringify(our)}`;
}

/** Null where it is not to be compared. */
function theirPath(server: ServerName, ours: Request, theirs: Seen): string | null {
  if (ours.isConnect) return null;
  if (!HANDS_OVER_TARGETS.has(server)) return normalPath(escaped(theirs.path));
  // `http.uri_double_slash_first` tells of it.
  if (server === 'java' && ours.target.startsWith('//')) return null;
  return rawPath(theirs.path);
}

/** A name without port and final dot. */
const bare = (host: string): string =>
  host
    .toLowerCase()
    .replace(/(?<!^[^[]*:.*):\d*$/, '')
    .replace(/\.$/, '');

/** What is decoded already, as it would have been sent. */
const escaped = (path: string): string =>
  path.replace(/[%?#]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);

/** Some applications get the target as it was sent. Null: an absolute one that nobody understands. */
function rawPath(target: string): string | null {
  if (target === '') return '/';
  if (!/^[a-z][a-z0-9+.-]*:/i.test(target)) return normalPath(target);
  try {
    return normalPath(new URL(target, 'http://a.example').pathname || '/');
  } catch {
    return null;
  }
}

/** As in `http.uri`, without the query. */
function normalPath(target: string): string {
  const bytes = fromLatin1(Buffer.from(target, 'latin1').toString('latin1'));
  const parts = targetParts();
  splitTarget(bytes, 0, bytes.length, false, parts);
  parts.queryStart = -1;
  parts.fragmentStart = -1;
  const scratch = new Uint8Array(2 * bytes.length + 2);
  return latin1(scratch, 0, normalizeTarget(bytes, parts, scratch));
}

function understand(bytes: Uint8Array): Understood {
  const requests: Request[] = [];
  const refusedBy: string[] = [];
  const sink: AppSink = {
    onProgress: (transaction, direction, stage) => {
      if (direction !== TO_SERVER || stage !== STAGE.complete) return;
      const tx = transaction as HttpTransaction;
      const text = (name: string): string => {
        const buffer = apps.protocol(0)!.buffers.find((known) => known.name === name)!;
        const value = buffer.read(tx, TO_SERVER, 0);
        return value === null ? '' : latin1(value);
      };
      // Without a head there was no request: the connection ended.
      if (tx.request.head === null || tx.request.isCut) return;
      const raw = fromLatin1(text('http.uri.raw'));
      const parts = targetParts();
      splitTarget(raw, 0, raw.length, tx.isConnect, parts);
      requests.push({
        method: text('http.method'),
        path: normalPath(latin1(raw)),
        target: parts.pathStart < 0 ? '' : latin1(raw, parts.pathStart, parts.pathEnd),
        query: parts.queryStart < 0 ? '' : latin1(raw, parts.queryStart, parts.queryEnd),
        host: text('http.host'),
        bodyBytes: String(tx.request.body?.sentBytes ?? 0),
        body: text('http.request_body').slice(0, SHOWN_BYTES),
        isUpgrade: tx.asksForUpgrade,
        isConnect: tx.isConnect,
      });
    },
    onEvent: (_transaction, _direction, event) => {
      if (APP_EVENTS.get(event)?.drops === true) refusedBy.push(event);
    },
  };
  const endpoints = {
    addresses: new Uint32Array(8),
    clientPort: () => 40_000,
    serverPort: () => 80,
    tunnelDepth: () => 0,
  };
  const apps = new AppLayer(sink, endpoints);
  apps.consume(0, TO_SERVER, bytes, 0, bytes.length);
  return { requests, refusedBy };
}
