import { expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { type Exception, Exceptions } from '../../src/detect/exceptions.ts';
import { conversation, Player } from '../support/play.ts';

const RULES = `
drop http any any -> any any (msg:"one"; http.uri; content:"/wiki"; sid:1;)
drop http any any -> any any (msg:"two"; http.uri; content:"id="; sid:2;)`;

const NOTHING: Exception = {
  id: 1,
  sid: null,
  check: null,
  source: null,
  destination: null,
  port: null,
  path: null,
  untilMs: null,
  reason: null,
};

/** Which rules a request meets. */
function alerts(exceptions: readonly Partial<Exception>[], target = '/wiki/page?id=1'): number[] {
  const player = new Player({ rules: RULES, mode: 'prevent' });
  player.played.pipeline.setExceptions(new Exceptions(exceptions.map((given) => ({ ...NOTHING, ...given }))));
  const bytes = fromLatin1(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
  for (const packet of conversation([{ direction: TO_SERVER, bytes }])) player.send(packet);
  return player.finish().alerts;
}

const CLIENT = '192.0.2.1';

test('without one, both rules match', () => {
  expect(alerts([])).toEqual([1, 2]);
});

test.each<[string, Partial<Exception>, number[]]>([
  ['a rule', { sid: 1 }, [2]],
  ['another rule', { sid: 3 }, [1, 2]],
  ['any rule on this port', { port: 80 }, []],
  ['any rule on another port', { port: 81 }, [1, 2]],
  ['a path', { sid: 2, path: '/wiki/page' }, [1]],
  ['a path and what is below', { sid: 2, path: '/wiki/*' }, [1]],
  ['a path that only begins so', { sid: 2, path: '/wiki' }, [1, 2]],
  ['a check', { check: 'tcp.syn_fin' }, [1, 2]],
  ['a time that is over', { sid: 1, untilMs: 0 }, [1, 2]],
  ['a time that goes on', { sid: 1, untilMs: Number.MAX_SAFE_INTEGER }, [2]],
  ['the source', { source: `${CLIENT}/32`, sid: 1 }, [2]],
  ['another source', { source: '203.0.113.0/24', sid: 1 }, [1, 2]],
  ['another destination', { destination: '203.0.113.0/24', sid: 1 }, [1, 2]],
])('an exception for %s', (_, exception, expected) => {
  expect(alerts([exception])).toEqual(expected);
});

test('of several, each holds', () => {
  expect(alerts([{ sid: 1 }, { id: 2, sid: 2, path: '/other' }])).toEqual([2]);
  expect(alerts([{ sid: 1 }, { id: 2, sid: 2 }])).toEqual([]);
});

test('the path is that of the normalised request', () => {
  expect(alerts([{ path: '/wiki/page' }], '/x/../wiki/%70age?id=1')).toEqual([]);
});

test('a network that is none is our own mistake', () => {
  expect(() => new Exceptions([{ ...NOTHING, source: 'everywhere' }])).toThrow(RangeError);
});
