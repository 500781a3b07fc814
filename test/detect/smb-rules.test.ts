import { describe, expect, test } from 'vitest';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, type Played, type PlayOptions, playPackets, type Turn } from '../support/play.ts';
import {
  bind,
  bindAck,
  block,
  body,
  chain,
  concat,
  frame,
  pdu,
  request,
  response,
  smb1,
  smb2,
  u16,
  u32,
} from '../support/smb.ts';

const FILE_ID = 'persistent-volat';
const UUID_BYTES = 'ABCDEFGHIJKLMNOP';
const UUID = '44434241-4645-4847-494a-4b4c4d4e4f50';

const client = (...parts: readonly Uint8Array[]): Turn => ({ direction: TO_SERVER, bytes: concat(...parts) });
const server = (...parts: readonly Uint8Array[]): Turn => ({ direction: TO_CLIENT, bytes: concat(...parts) });
const asked = (command: number, messageId: number, content: Uint8Array): Turn =>
  client(frame(smb2({ command, messageId, treeId: 5 }, content)));
const answered = (command: number, messageId: number, content: Uint8Array): Turn =>
  server(frame(smb2({ command, messageId, treeId: 5, isResponse: true }, content)));

const play = (turns: readonly Turn[], rules: string, options: PlayOptions = {}): Played =>
  playPackets(conversation(turns), { rules, ...options });
const rule = (sid: number, options: string, protocol = 'smb', action = 'alert'): string =>
  `${action} ${protocol} any any -> any any (msg:"x"; ${options} sid:${sid};)\n`;
const sorted = ({ alerts }: Played): number[] => [...alerts].sort((a, b) => a - b);

const share = (name: string, type: number): Turn[] => [
  asked(3, 1, body.treeConnect(name)),
  answered(3, 1, body.treeConnected(type)),
];
const pipe = [
  ...share('\\\\10.0.0.1\\IPC$', 2),
  asked(5, 2, body.create('svcctl')),
  answered(5, 2, body.created(FILE_ID)),
];
const throughPipe = (stub: string): Turn[] => [
  ...pipe,
  asked(9, 3, body.write(FILE_ID, 0, bind(1, UUID_BYTES))),
  asked(8, 4, body.read(FILE_ID, 0, 1024)),
  answered(8, 4, body.data(bindAck(1))),
  asked(11, 5, body.pipeCall(FILE_ID, request(2, 12, stub))),
  answered(11, 5, body.pipeAnswer(FILE_ID, response(2, 'result'))),
];
const overTcp = (stub: string): Turn[] => [
  client(bind(1, UUID_BYTES)),
  server(bindAck(1)),
  client(request(2, 12, stub)),
  server(response(2, 'result')),
];

describe('shares', () => {
  const rules = rule(1, 'smb.share; content:"data"; endswith;') + rule(2, 'smb_named_pipe; content:"IPC$"; endswith;');

  test('by their names, once each', () => {
    expect(play(share('\\\\10.0.0.1\\data', 1), rules).alerts).toEqual([1]);
    expect(play(share('\\\\10.0.0.1\\IPC$', 2), rules).alerts).toEqual([2]);
  });

  test('the server does not see the request for one that a rule drops', () => {
    const drop = rule(1, 'smb.share; content:"data";', 'smb', 'drop');
    expect(play(share('\\\\10.0.0.1\\data', 1), drop, { mode: 'prevent' }).dropped[0]).toBe(4);
  });
});

describe('files', () => {
  const rules = rule(1, 'file.data; content:"MZ"; startswith; content:"evil";') + rule(2, 'filename:"a.exe";');
  const opened = [
    ...share('\\\\10.0.0.1\\data', 1),
    asked(5, 2, body.create('a.exe')),
    answered(5, 2, body.created(FILE_ID)),
  ];

  test('by content and name, in the direction in which they go', () => {
    const written = [...opened, asked(9, 3, body.write(FILE_ID, 0, concat('MZ ... ')))];
    const rest = asked(9, 4, body.write(FILE_ID, 7, concat('evil')));
    expect(sorted(play([...written, rest], rules))).toEqual([1, 2]);
    expect(sorted(play(written, rules))).toEqual([2]);
    const read = [...opened, asked(8, 3, body.read(FILE_ID, 0, 99)), answered(8, 3, body.data(concat('MZ evil')))];
    expect(sorted(play(read, rules))).toEqual([1, 2]);
    expect(sorted(play(read, rule(1, 'flow:to_server; file.data; content:"evil";')))).toEqual([]);
  });

  test('that must not begin so, before their end is there', () => {
    const drop = rule(1, 'file.data; content:!"MZ"; startswith; content:"evil";', 'smb', 'drop');
    const dropped = (...contents: string[]): number | undefined => {
      const writes = contents.map((content, i) =>
        asked(9, 3 + i, body.write(FILE_ID, contents.slice(0, i).join('').length, concat(content))),
      );
      return play([...opened, ...writes], drop, { mode: 'prevent' }).dropped[0];
    };
    const firstWrite = dropped('evil')!;
    // The server acknowledges the first one.
    expect(dropped('M', 'evil')).toBe(firstWrite + 2);
    expect(dropped('MZ evil')).toBeUndefined();
  });
});

describe('calls', () => {
  const rules = [
    rule(1, `dce_iface:${UUID}; dce_opnum:10-12; dce_stub_data; content:"evil"; flow:to_server;`, 'tcp'),
    rule(2, `dcerpc.iface:${UUID}; dcerpc.opnum:13; flow:to_server;`, 'dcerpc'),
    rule(3, `dcerpc.iface:${UUID},<1; flow:to_server;`, 'dcerpc'),
    rule(4, 'dcerpc.stub_data; content:"result";', 'dcerpc'),
    rule(5, `dcerpc.iface:${UUID};`, 'dcerpc'),
  ].join('');

  test.each([
    ['a connection', overTcp],
    ['a named pipe', throughPipe],
  ])('of %s, by interface, operation and stub', (_where, turns) => {
    // The interface is one of both sides of a call.
    expect(sorted(play(turns('something evil'), rules))).toEqual([1, 4, 5, 5]);
    expect(sorted(play(turns('something'), rules))).toEqual([4, 5, 5]);
  });

  test.each([true, false])('numbers as the message writes them: little-endian is %s', (isLittleEndian) => {
    const number = Buffer.alloc(4);
    if (isLittleEndian) number.writeUInt32LE(1000);
    else number.writeUInt32BE(1000);
    const turns = [client(pdu(0, 2, concat(u32(0, 0), number), 3, isLittleEndian))];
    const tests =
      rule(1, 'dcerpc.stub_data; byte_test:4,=,1000,0,dce;', 'dcerpc') +
      rule(2, 'dcerpc.stub_data; byte_test:4,=,1000,0;', 'dcerpc');
    expect(sorted(play(turns, tests))).toEqual(isLittleEndian ? [1] : [1, 2]);
  });
});

test('an event is one of both sides, where a rule names none', () => {
  const turns = [
    asked(5, 2, body.create('a')),
    answered(5, 2, body.created(FILE_ID)),
    asked(9, 3, body.write(FILE_ID, 0, concat('good'))),
    asked(9, 4, body.write(FILE_ID, 0, concat('evil'))),
  ];
  const event = 'app-layer-event:smb.file_overlap;';
  expect(play(turns, rule(1, event) + rule(2, `flow:to_server; ${event}`)).alerts).toEqual([1, 1, 2]);
});

test('smb.version is that of the message', () => {
  const turns = share('\\\\10.0.0.1\\data', 1);
  expect(play(turns, rule(1, 'smb.version:2; flow:to_server;') + rule(2, 'smb.version:1;')).alerts).toEqual([1]);
});

describe('frames', () => {
  const write = smb2({ command: 9, messageId: 3 }, body.write(FILE_ID, 0, new Uint8Array(60_000).fill(0x61)));
  const turns = [
    ...share('\\\\10.0.0.1\\data', 1),
    client(
      chain(
        [{ command: 5, messageId: 2 }, body.create('first')],
        [{ command: 6, messageId: 3, isRelated: true }, body.close(FILE_ID)],
      ),
    ),
    client(frame(write)),
    client(concat(Uint8Array.of(0x85, 0, 0, 0)), frame(concat('\xfdSMB', new Uint8Array(90).fill(0x42)))),
    client(smb1({ command: 0x2b }, block(u16(1), concat('echo')))),
  ];
  const rules = [
    rule(1, 'frame:nbss.hdr; content:"|00|"; startswith; bsize:4; flow:to_server;'),
    rule(2, 'frame:smb2.pdu; content:"|fe|SMB"; startswith; flow:to_server;'),
    rule(3, 'frame:smb2.data; content:!"|fe|SMB"; startswith; flow:to_server;'),
    rule(4, 'frame:smb2.hdr; content:"|fe|SMB"; startswith; bsize:64; flow:to_server;'),
    rule(5, 'frame:smb3.data; content:"BBBB"; startswith; flow:to_server;'),
    rule(6, 'frame:smb1.data; content:"echo"; endswith; flow:to_server;'),
    rule(7, 'frame:nbss.pdu; content:"|85 00 00 00|"; bsize:4;'),
    rule(8, 'frame:smb2.pdu; content:"a"; endswith; flow:to_server;'),
  ].join('');
  // Of six frames five begin with 0; of the commands four are of SMB2, two of them chained.
  const expected = [1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 6, 7, 8];

  test('are messages, commands and what they consist of, wherever packets end', () => {
    for (const pieceBytes of [1_000_000, 1000, 77]) {
      const cut = turns.flatMap(({ direction, bytes }) =>
        Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) => ({
          direction,
          bytes: bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
        })),
      );
      expect(sorted(play(cut, rules)), `pieces of ${pieceBytes}`).toEqual(expected);
    }
  });
});
