import { afterEach, expect, test, vi } from 'vitest';
import { HttpMessage } from '../../src/app/http/transaction.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, Player } from '../support/play.ts';

afterEach(() => void vi.restoreAllMocks());

test('of an exchange that is over, a silent connection holds neither heads nor buffers', () => {
  const rule =
    'alert http any any -> any any (http.stat_code; content:"200"; http.response_body; content:"ok"; sid:1;)';
  const packets = conversation([
    { direction: TO_SERVER, bytes: fromLatin1('GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n') },
    { direction: TO_CLIENT, bytes: fromLatin1('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') },
  ]);
  const player = new Player({ rules: rule });
  const release = vi.spyOn(HttpMessage.prototype, 'release');
  // The last three end the connection.
  for (const packet of packets.slice(0, -3)) player.send(packet);
  expect(player.played.alerts).toEqual([1]);
  expect(release).toHaveBeenCalledTimes(2);
  for (const message of release.mock.contexts) expect(message).toMatchObject({ head: null, body: null, fields: null });
});

test('half an exchange is held until the other half has come', () => {
  const packets = conversation([{ direction: TO_SERVER, bytes: fromLatin1('GET /a HTTP/1.1\r\nHost: a\r\n\r\n') }]);
  const player = new Player();
  const release = vi.spyOn(HttpMessage.prototype, 'release');
  for (const packet of packets.slice(0, -3)) player.send(packet);
  expect(release).not.toHaveBeenCalled();
});
