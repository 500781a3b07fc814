import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AppLayer } from '../../src/app/app-layer.ts';
import type { AppProtocol } from '../../src/app/protocol.ts';
import { REDIS_EVENTS } from '../../src/app/redis/events.ts';
import { createRedis } from '../../src/app/redis/redis.ts';
import { splitLine } from '../../src/app/redis/typed-line.ts';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, playPackets } from '../support/play.ts';
import { flowEndpoints } from './support.ts';
import { cut, type Piece, type Trace, trace } from './trace.ts';

const REDIS = createRedis() as AppProtocol;
const client = (text: string): Piece => ({ direction: TO_SERVER, bytes: fromLatin1(text) });
const server = (text: string): Piece => ({ direction: TO_CLIENT, bytes: fromLatin1(text) });
const command = (...parts: string[]): string =>
  `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`;

const eventsOf = ({ lines }: Trace): string[] => lines.flatMap((line) => line.split(' ! ')[1] ?? []);
/** Every command with its arguments. */
function commandsOf(...pieces: Piece[]): string[][] {
  const commands: string[][] = [];
  const parser = REDIS.open(
    {
      onProgress: (tx, direction, stage) => {
        if (direction !== TO_SERVER || stage !== 3) return;
        const parts: string[] = [];
        for (const { name, read } of REDIS.buffers) {
          for (let nth = 0; ; nth++) {
            const bytes = read(tx, TO_SERVER, nth);
            if (bytes === null) break;
            parts.push(name === 'redis.command' ? latin1(bytes).toUpperCase() : latin1(bytes));
          }
        }
        commands.push(parts);
      },
      onEvent: () => {},
    },
    { transport: 'tcp', clientPort: 1, serverPort: 2 },
  );
  for (const { direction, bytes } of pieces) parser.consume(direction, bytes, 0, bytes.length);
  return commands;
}

describe('commands', () => {
  test('framed: any bytes, empty ones too, several in one piece', () => {
    const text = command('SET', 'a\r\n*1\r\n$4\r\nEVAL\r\n', '') + command('get', '\0\xff');
    expect(commandsOf(client(text))).toEqual([
      ['SET', 'a\r\n*1\r\n$4\r\nEVAL\r\n', ''],
      ['GET', '\0\xff'],
    ]);
  });

  test('typed: blanks, quotes and escapes', () => {
    const line = String.raw`eval  "return pack\x61ge\n" 'it\'s' 0`;
    expect(commandsOf(client(`${line}\r\nPING\n\r\n  \r\nget a\r\n`))).toEqual([
      ['EVAL', 'return package\n', "it's", '0'],
      ['PING'],
      ['GET', 'a'],
    ]);
  });

  test('framed and typed ones in turn, and arrays of nothing between them', () => {
    expect(commandsOf(client(`PING\r\n${command('ECHO', 'a')}*0\r\n*-1\r\nECHO b\r\n`))).toEqual([
      ['PING'],
      ['ECHO', 'a'],
      ['ECHO', 'b'],
    ]);
  });

  test('as Redis does, whatever byte stands behind a CR and behind a string is skipped', () => {
    expect(commandsOf(client('*1\r.$4\r.PING..*1\r\n$4\r\nPING\r\n'))).toEqual([['PING'], ['PING']]);
  });

  test('answers are none', () => {
    expect(commandsOf(server(command('PING')))).toEqual([]);
  });

  test('of a long one the rest is not kept, and the next one is read', () => {
    const [set, next] = commandsOf(client(command('SET', 'a', 'x'.repeat(300_000)) + command('PING')));
    expect([set!.length, set![2]!.length, next]).toEqual([3, 256 * 1024 - 4, ['PING']]);
    const many = Array.from({ length: 3000 }, (_, i) => String(i));
    const [mset, last] = commandsOf(client(command('MSET', ...many) + command('PING')));
    expect([mset!.length, last]).toEqual([1024, ['PING']]);
  });
});

describe('a line', () => {
  const split = (text: string): string[] | null => splitLine(fromLatin1(text))?.map((part) => latin1(part)) ?? null;
  test.each([
    ['', []],
    [' \t ', []],
    ['a b', ['a', 'b']],
    ['""', ['']],
    ["'' a", ['', 'a']],
    ['a"b c"', ['ab c']],
    ['"a"b', null],
    ["'a'b", null],
    ['"a', null],
    ["'a", null],
    ['"\\"', null],
    ['"\\x4', null],
    ['"\\x4g\\q"', ['x4gq']],
    ['"\\n\\r\\t\\b\\a\\\\\\""', ['\n\r\t\b\x07\\"']],
    ["'\\n\\''", ["\\n'"]],
    ['a\0b', ['a']],
  ])('%j', (line, parts) => {
    expect(split(line)).toEqual(parts);
  });
});

describe('events', () => {
  const shown = new Set<string>();
  const expectEvents = (pieces: readonly Piece[], ...events: string[]): void => {
    expect(eventsOf(trace(REDIS, pieces))).toEqual(events);
    for (const event of events) shown.add(event);
  };

  test.each([
    ...[
      '*x\r\n',
      '*1\r\n+4\r\nPING\r\n',
      '*1\r\n$x\r\n',
      '*1\r\n$-1\r\n',
      '*1\r\n$04\r\nPING\r\n',
      '*+1\r\n',
      '*\r\n',
      '*-\r\n',
    ],
    ...['*4294967296\r\n', '*1\r\n$99999999999999999999999\r\n', '"open\r\n', "'a'b\r\n", `${'x'.repeat(70_000)}`],
  ])('%j is none of its forms', (text) => {
    expectEvents([client(command('PING')), client(text), client(command('PING'))], 'redis.protocol_error');
    expect(commandsOf(client(command('PING')), client(text), client(command('PING')))).toEqual([['PING']]);
  });

  test('a script that is not kept to its end', () => {
    const long = '-'.repeat(300_000);
    for (const parts of [
      ['EVAL', long, '0'],
      ['script', 'load', long],
      ['FUNCTION', 'LOAD', 'REPLACE', long],
    ]) {
      expectEvents([client(command(...parts))], 'redis.script_too_long');
    }
    expectEvents([client(command('SET', 'a', long))]);
  });

  test('a gap in a string is counted; elsewhere nobody knows what follows', () => {
    const [start, rest] = ['*2\r\n$4\r\nECHO\r\n$10\r\nab', 'fghij\r\n'];
    expect(trace(REDIS, [client(start), client('cde'), client(rest + command('PING'))], 1).lines).toEqual([
      '- client ! redis.gap',
      ...['0 client head', '0 client complete', '0 server complete'],
      ...['1 client head', '1 client complete', '1 server complete'],
    ]);
    expectEvents([client(command('PING'))]);
    const lost = trace(REDIS, [client('*1\r\n'), client('$4\r\n'), client(`PING\r\n${command('PING')}`)], 1);
    expect([eventsOf(lost), lost.isDone]).toEqual([['redis.gap'], true]);
    shown.add('redis.gap');
  });

  test('all were shown', () => {
    expect([...shown].sort()).toEqual(Object.keys(REDIS_EVENTS).sort());
  });
});

test('the same commands in any pieces, and nothing else', () => {
  const part = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('', '\r\n', '*1\r\n', '$4', 'EVAL', '\0'));
  const text = fc.oneof(
    fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => command(...parts.map((p) => latin1(Buffer.from(p))))),
    fc.constantFrom('PING\r\n', 'eval "a b" 0\n', '*0\r\n', '\r\n', '*x\r\n', '*1\r\n$', "'"),
    fc.string({ maxLength: 5 }).map((junk) => latin1(Buffer.from(junk))),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 6 }), fc.integer({ min: 1, max: 7 }), (texts, pieceBytes) => {
      const pieces = [client(texts.join(''))];
      const whole = trace(REDIS, pieces);
      const parts = trace(REDIS, cut(pieces, pieceBytes));
      expect(parts.lines).toEqual(whole.lines);
      expect([...parts.described]).toEqual([...whole.described]);
    }),
  );
});

test('EVE shows no arguments: there are passwords among them', () => {
  const { described } = trace(REDIS, [client(command('AUTH', 'user', 'secret'))]);
  expect(described.get(0)).toEqual({ command: 'AUTH', arguments: 2 });
});

describe('detection', () => {
  const found = (pieces: readonly Piece[], serverPort = 7000): string | null => {
    const apps = new AppLayer({ onProgress: () => {}, onEvent: () => {} }, flowEndpoints(serverPort));
    for (const { direction, bytes } of pieces) apps.consume(1, direction, bytes, 0, bytes.length);
    return apps.protocol(1)?.name ?? null;
  };

  test('framed commands on any port, typed ones on its own', () => {
    expect(found([client(command('PING'))])).toBe('redis');
    expect(found(cut([client(command('SET', 'a'.repeat(100), 'b'))], 1))).toBe('redis');
    expect(found([client('INFO\r\n')])).toBeNull();
    expect(found([client('INFO\r\n')], 6379)).toBe('redis');
    expect(found([client('GET / HTTP/1.1\r\nHost: a\r\n\r\n')], 6379)).toBe('http');
    expect(found([client('*text of something else\r\n')])).toBeNull();
    const ping = command('PING');
    for (const before of ['*0\r\n', '\r\n\n', '*-1\r\n'.repeat(100)]) {
      expect(found([client(before + ping)])).toBe('redis');
      expect(found(cut([client(before + ping)], 1))).toBe('redis');
    }
    expect(found([client(ping.replaceAll('\r\n', '\rx'))])).toBe('redis');
  });

  test('on its own port all that Redis passes over, and what it closes the connection at is not', () => {
    for (const text of [
      ...[
        ' \tPING\r\n',
        '\xffx\r\nPING\r\n',
        '\0\r\nPING\r\n',
        '*0\r\n',
        'get a\r\n',
        'GET / HTTP/1.1\r\nEVAL x 0\r\n',
      ],
      ...[`GET ${'a'.repeat(2000)}\r\n`, 'GET / HTTP/1.1\r\nHo\r\n', '\x16PING\r\n', 'PRI * HTTP/2.0\r\n\r\n'],
    ]) {
      expect([text, found([client(text)], 6379)]).toEqual([text, 'redis']);
      expect([text, found(cut([client(text)], 1), 6379)]).toEqual([text, 'redis']);
    }
    for (const text of ['POST / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n']) {
      expect([text, found([client(text)], 6379)]).toEqual([text, 'http']);
      expect([text, found(cut([client(text)], 1), 6379)]).toEqual([text, 'http']);
    }
    expect(found([client('\x16\x03\x01\x00\x05')], 6379)).toBe('tls');
  });

  test('by an answer, which is none of other protocols', () => {
    for (const text of ['+PONG\r\n', '$-1\r\n', ':1\r\n', '-NOAUTH Authentication required.\r\n', '%7\r\n$6\r\n']) {
      expect(found([client('\x01\x02'), server(text)]), text).toBe('redis');
      expect(found([client('\x01\x02'), ...cut([server(text)], 1)]), text).toBe('redis');
    }
    expect(found([server('+OK POP3 ready\r\n')])).not.toBe('redis');
    // A client that begins as one of HTTP would: the server decides.
    expect(found([client('GET a\r\n'), server('$-1\r\n'), client(command('PING'))])).toBe('redis');
  });
});

describe('rules', () => {
  const RULE =
    'drop tcp any any -> any any (msg:"a"; flow:established,to_server; redis.command; content:"eval"; startswith; ' +
    'redis.argument; content:"package"; pcre:"/package\\s*\\./"; sid:1;)';
  const play = (texts: readonly string[], segmentBytes = 1460) =>
    playPackets(conversation(texts.map(client), { serverPort: 6379, segmentBytes }), { rules: RULE, mode: 'prevent' });
  const SCRIPT = 'return package.loadlib("a", "b")';

  test.each([
    ['framed', command('EvAl', SCRIPT, '0')],
    ['behind others in one segment', command('PING').repeat(50) + command('EVAL', SCRIPT, '0')],
    ['typed, with escapes', `eval "return p\\x61ckage.loadlib" 0\r\n`],
    ['behind lines that Redis does not know', `GET / HTTP/1.1\r\n eval "${SCRIPT.replaceAll('"', "'")}" 0\r\n`],
    ['with another byte behind a CR', command('EVAL', SCRIPT, '0').replace('\r\n', '\r ')],
  ])('%s', (_, text) => {
    expect(play([command('PING'), text]).blockedAlerts).toEqual([1]);
    expect(play([command('PING'), text], 1).blockedAlerts).toEqual([1]);
  });

  test('behind more than rules on the stream look at', () => {
    const set = command('SET', 'key', 'x'.repeat(50_000));
    expect(play([...Array.from({ length: 40 }, () => set), command('EVAL', SCRIPT, '0')]).blockedAlerts).toEqual([1]);
  });

  test('what only speaks of it arrives', () => {
    const { alerts, dropped } = play([
      command('SET', 'note', command('EVAL', SCRIPT, '0')),
      command('EVAL', 'return redis.call("GET", KEYS[1])', '1', 'package'),
      command('ECHO', 'EVAL', SCRIPT),
    ]);
    expect([alerts, dropped]).toEqual([[], []]);
  });
});
