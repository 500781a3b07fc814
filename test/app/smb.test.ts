import { describe, expect, test } from 'vitest';
import { MAX_FILE_BYTES } from '../../src/app/files.ts';
import type { Transaction } from '../../src/app/protocol.ts';
import { SMB_EVENTS } from '../../src/app/smb/events.ts';
import { MAX_COMMAND_BYTES } from '../../src/app/smb/message-reader.ts';
import { MAX_ACTIVE_FILES, MAX_OPEN_REQUESTS } from '../../src/app/smb/session.ts';
import { MAX_CHAINED_COMMANDS } from '../../src/app/smb/smb1.ts';
import { latin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import {
  andx,
  bind,
  bindAck,
  block,
  body,
  chain,
  concat,
  frame,
  request,
  response,
  smb1,
  smb2,
  u16,
  zeros,
} from '../support/smb.ts';
import {
  answered,
  answered1,
  asked,
  asked1,
  authenticate,
  buffersOf,
  client,
  closed,
  connected,
  eventsOf,
  expectEvents,
  FILE_ID,
  filesOf,
  OTHER_ID,
  on,
  opened,
  RELATED_ID,
  SMB,
  server,
  shownEvents,
  text,
  UUID,
} from './smb-conversation.ts';
import { channel } from './support.ts';
import { cut, expectSoundWhenChanged, type Piece, trace } from './trace.ts';

describe('SMB2', () => {
  test('shows who logs on, shares, and files with their names', () => {
    const pieces = [
      ...[...connected, ...opened],
      asked(9, 4, body.write(FILE_ID, 0, text('hello ')), on),
      asked(9, 5, body.write(FILE_ID, 6, text('world')), on),
      answered(9, 4, body.written(6), on),
      answered(9, 5, body.written(5), on),
      ...closed,
    ];
    const traced = trace(SMB, pieces);
    expect(Object.fromEntries(traced.buffers)).toMatchObject({
      '1 client smb.ntlmssp_user': 'Administrator',
      '1 client smb.ntlmssp_domain': 'CONTOSO',
      '2 client smb.share': '\\\\10.0.0.1\\data',
      '2 client smb.version': '\x02',
      '4 client file.data': 'hello world',
      '4 client file.name': 'dir\\report.pdf',
      '4 client file.size': '\0\0\0\0\0\0\0\x0b\0',
    });
    expect(traced.described.get(0)).toMatchObject({
      ...{ command: 'SMB2_COMMAND_NEGOTIATE_PROTOCOL', dialect: '3.11', client_dialects: ['2.02', '3.11'] },
      ...{ status: 'STATUS_SUCCESS', status_code: '0x0', max_read_size: 2 ** 20 },
    });
    expect(traced.described.get(1)).toMatchObject({
      ntlmssp: { domain: 'CONTOSO', user: 'Administrator', host: 'PC1', version: '10.0 build 19041 rev 15' },
    });
    expect(traced.described.get(2)).toMatchObject({
      ...{ id: 3, session_id: 9, tree_id: 5, share: '\\\\10.0.0.1\\data', share_type: 'FILE' },
    });
    expect(traced.described.get(3)).toMatchObject({ filename: 'dir\\report.pdf', disposition: 'FILE_OPEN', size: 11 });
    expect(traced.described.get(4)).toMatchObject({
      ...{ command: 'SMB2_COMMAND_WRITE', filename: 'dir\\report.pdf', share: '\\\\10.0.0.1\\data' },
      fuid: '73726570-7369-6574-746e-762d74616c6f',
    });
    expect(eventsOf(traced)).toEqual([]);
  });

  test('shows what is read, up to the end of the file', () => {
    const pieces = [
      ...[...connected, ...opened],
      asked(8, 4, body.read(FILE_ID, 0, 64), on),
      answered(8, 4, body.data(text('what the ')), on),
      asked(8, 5, body.read(FILE_ID, 9, 64), on),
      answered(8, 5, body.data(text('server has')), on),
      asked(8, 6, body.read(FILE_ID, 19, 64), on),
      answered(8, 6, body.error(), { ...on, status: 0xc000_0011 }),
    ];
    expect(buffersOf(pieces)).toMatchObject({ '4 server file.data': 'what the server has' });
    expect(filesOf(pieces)).toHaveLength(1);
  });

  test('follows a chain of commands, the later of which mean the file that the first opens', () => {
    const pieces = [
      ...connected,
      client(
        chain(
          [{ command: 5, messageId: 3, ...on }, body.create('a.exe')],
          [{ command: 9, messageId: 4, isRelated: true, ...on }, body.write(RELATED_ID, 0, text('MZ'))],
          [{ command: 6, messageId: 5, isRelated: true, ...on }, body.close(RELATED_ID)],
        ),
      ),
      server(
        chain(
          [{ command: 5, messageId: 3, isResponse: true, ...on }, body.created(FILE_ID)],
          [{ command: 9, messageId: 4, isResponse: true, ...on }, body.written(2)],
          [{ command: 6, messageId: 5, isResponse: true, ...on }, body.closed()],
        ),
      ),
    ];
    expect(buffersOf(pieces)).toMatchObject({ '4 client file.data': 'MZ', '4 client file.name': 'a.exe' });
    expect(eventsOf(trace(SMB, pieces))).toEqual([]);
  });

  test('pieces of a file may come in any order', () => {
    const parts = ['abc', 'defg', 'hi', 'jklmnop'];
    const offsets = parts.map((_, i) => parts.slice(0, i).join('').length);
    for (const order of [
      [3, 2, 1, 0],
      [1, 0, 3, 2],
      [2, 0, 3, 1],
    ]) {
      const writes = order.map((i, n) => asked(9, 4 + n, body.write(FILE_ID, offsets[i]!, text(parts[i]!)), on));
      const shown = filesOf([...connected, ...opened, ...writes, ...closed]);
      expect(shown.filter((content) => !content.includes('\0'))).toEqual(['abcdefghijklmnop']);
    }
  });

  test('what is behind a hole is shown at once, with zeros before it', () => {
    const writes = [
      asked(9, 4, body.write(FILE_ID, 3, text('evil')), on),
      asked(9, 5, body.write(FILE_ID, 9, text('!')), on),
    ];
    const shown = ['\0\0\0evil', '\0\0\0evil\0\0!'];
    // And once more as it is at the end of the connection.
    expect(filesOf([...connected, ...opened, ...writes])).toEqual([...shown, shown[1]]);
    const far = asked(9, 4, body.write(FILE_ID, MAX_FILE_BYTES, text('evil')), on);
    expect(filesOf([...connected, ...opened, far])).toHaveLength(1);
  });

  test('shows a hole as zeros when the file is closed, and takes no digest then', () => {
    const pieces = [...connected, ...opened, asked(9, 4, body.write(FILE_ID, 3, text('evil')), on), ...closed];
    expect(buffersOf(pieces)).toMatchObject({ '4 client file.data': '\0\0\0evil', '4 client file.md5': '' });
  });

  test('a file that is written over is shown once more, as it is then', () => {
    const looks = (...pieces: readonly (readonly [number, string])[]): string[] =>
      filesOf([
        ...[...connected, ...opened],
        ...pieces.map(([offset, content], i) => asked(9, 4 + i, body.write(FILE_ID, offset, text(content)), on)),
        ...closed,
      ]);
    expect(looks([0, 'good'], [0, 'evil...'])).toEqual(['good', 'evil...']);
    expect(looks([0, 'good file'], [2, 'OD'], [0, 'G'])).toEqual(['good file', 'goOD file', 'GoOD file']);
    // Behind a hole, too, and again and again.
    expect(looks([4, 'good'], [4, 'evil'], [0, 'the '])).toEqual(['\0\0\0\0good', '', '\0\0\0\0evil', 'the evil']);
    // The same once more is nothing new.
    expect(looks([0, 'good'], [0, 'good'], [4, '!'])).toEqual(['good!']);
  });

  test('what is written over known bytes is told of before the write is carried out', () => {
    const shown: string[] = [];
    const sink = {
      onProgress: (tx: Transaction, direction: Direction) => {
        const data = SMB.buffers.find(({ name }) => name === 'file.data')!.read(tx, direction, 0);
        if (data !== null) shown.push(`${tx.id} ${latin1(data)}`);
      },
      onEvent: () => undefined,
    };
    const parser = SMB.open(sink, channel('tcp', 445));
    const written = cut([asked(9, 4, body.write(FILE_ID, 0, text('good')), on)], 1000);
    const over = cut([asked(9, 5, body.write(FILE_ID, 0, text('evil')), on)], 1);
    for (const { direction, bytes } of [...connected, ...opened, ...written, ...over]) {
      parser.consume(direction, bytes, 0, bytes.length);
    }
    expect(shown.at(-1)).toBe('5 evil');
  });

  test('what is read again is not, but the rest is', () => {
    const writes = [
      ...[...connected, ...opened],
      asked(9, 4, body.write(FILE_ID, 0, text('good')), on),
      asked(9, 5, body.write(FILE_ID, 0, text('evil...')), on),
    ];
    expectEvents(writes, 'smb.file_overlap');
    const reads = [
      ...[...connected, ...opened],
      asked(8, 4, body.read(FILE_ID, 0, 64), on),
      answered(8, 4, body.data(text('head')), on),
      asked(8, 5, body.read(FILE_ID, 0, 64), on),
      answered(8, 5, body.data(text('head and tail')), on),
    ];
    expect(filesOf(reads)).toEqual(['head and tail']);
    expectEvents(reads, 'smb.file_overlap');
  });

  test('follows a write that is longer than what is kept of a command, and the command behind it', () => {
    const content = concat('MZ', new Uint8Array(200_000).fill(0x61), 'end');
    const pieces = [
      ...[...connected, ...opened],
      client(
        chain(
          [{ command: 9, messageId: 4, ...on }, body.write(FILE_ID, 0, content)],
          [{ command: 6, messageId: 5, ...on }, body.close(FILE_ID)],
        ),
      ),
      answered(9, 4, body.written(content.length), on),
      answered(6, 5, body.closed(), on),
    ];
    const traced = trace(SMB, pieces);
    const shown = traced.buffers.get('4 client file.data')!;
    expect([shown.length, shown.slice(0, 4)]).toEqual([MAX_FILE_BYTES, 'MZaa']);
    expect(traced.described.get(5)).toMatchObject({ command: 'SMB2_COMMAND_CLOSE', status: 'STATUS_SUCCESS' });
    expect(trace(SMB, cut(pieces, 1000))).toEqual(traced);
  });

  test('a chain that is longer than what is kept of a command is the same however it is cut', () => {
    const content = concat('MZ', new Uint8Array(150_000).fill(0x61), 'end');
    const related = { ...on, isRelated: true };
    const pieces = [
      ...connected,
      client(
        chain(
          [{ command: 5, messageId: 3, ...on }, body.create('long.exe')],
          [{ command: 9, messageId: 4, ...related }, body.write(RELATED_ID, 0, content)],
          [{ command: 6, messageId: 5, ...related }, body.close(RELATED_ID)],
        ),
      ),
      asked(5, 6, body.create('next'), on),
    ];
    const whole = trace(SMB, pieces);
    expect(whole.buffers.get('4 client file.data')!.slice(0, 4)).toBe('MZaa');
    expect(whole.described.get(6)).toMatchObject({ filename: 'next' });
    for (const size of [1, 1000, 1460, 65_536]) expect(trace(SMB, cut(pieces, size))).toEqual(whole);
  });

  test('shows calls whose fragments come in writes of any size, or say oddly how numbers are written', () => {
    const tree = [
      asked(3, 2, body.treeConnect('\\\\10.0.0.1\\IPC$'), { sessionId: 9 }),
      answered(3, 2, body.treeConnected(2), on),
      asked(5, 3, body.create('svcctl'), on),
      answered(5, 3, body.created(FILE_ID), on),
    ];
    const odd = bind(1, UUID);
    odd[4] = 0x16;
    const sent = concat(odd, request(2, 12, 'arguments'));
    for (const size of [1, 7, 15, 16, 17, 30]) {
      const writes = Array.from({ length: Math.ceil(sent.length / size) }, (_, i) =>
        asked(9, 10 + i, body.write(FILE_ID, 0, sent.subarray(i * size, (i + 1) * size)), on),
      );
      const traced = trace(SMB, [...connected.slice(0, 4), ...tree, ...writes]);
      const stubs = [...traced.buffers].filter(([name]) => name.endsWith('dcerpc.stub_data'));
      expect(stubs.map(([, content]) => content)).toEqual(['arguments']);
      expect(eventsOf(traced)).toEqual([]);
    }
  });

  test('shows the calls through a pipe, however they are sent', () => {
    const tree = [
      asked(3, 2, body.treeConnect('\\\\10.0.0.1\\IPC$'), { sessionId: 9 }),
      answered(3, 2, body.treeConnected(2), on),
    ];
    const pieces = [
      ...[...connected.slice(0, 4), ...tree],
      asked(5, 3, body.create('svcctl'), on),
      answered(5, 3, body.created(FILE_ID), on),
      asked(9, 4, body.write(FILE_ID, 0, bind(1, UUID)), on),
      asked(8, 5, body.read(FILE_ID, 0, 1024), on),
      answered(8, 5, body.data(bindAck(1)), on),
      asked(11, 6, body.pipeCall(FILE_ID, request(2, 12, 'arguments')), on),
      answered(11, 6, body.pipeAnswer(FILE_ID, response(2, 'result')), on),
    ];
    const traced = trace(SMB, pieces);
    expect(traced.buffers.get('2 client smb.named_pipe')).toBe('\\\\10.0.0.1\\IPC$');
    expect([...traced.buffers].filter(([name]) => name.includes('dcerpc'))).toEqual([
      ['6 client dcerpc.stub_data', 'arguments'],
      ['6 client dcerpc.opnum', '\0\x0c'],
      ['6 client dcerpc.iface', expect.stringMatching(/^DCBAFEHGIJKLMNOP\0\x01\x01$/)],
      ['6 server dcerpc.stub_data', 'result'],
      ['6 server dcerpc.opnum', '\0\x0c'],
      ['6 server dcerpc.iface', expect.any(String)],
    ]);
    expect(traced.described.get(6)).toMatchObject({
      ...{ command: 'SMB2_COMMAND_IOCTL' },
      dcerpc: {
        ...{ request: 'REQUEST', response: 'RESPONSE', opnum: 12, call_id: 2 },
        interfaces: [{ uuid: '44434241-4645-4847-494a-4b4c4d4e4f50', version: '1.0' }],
      },
    });
    expect(eventsOf(traced)).toEqual([]);
  });

  test('of a connection that nobody saw begin, files and calls are shown all the same', () => {
    const pieces = [
      client(zeros(700), frame(smb2({ command: 9, messageId: 4 }, body.write(FILE_ID, 0, text('content'))))),
      asked(9, 5, body.write(OTHER_ID, 0, bind(1, UUID))),
    ];
    expect(buffersOf(pieces)).toMatchObject({ '0 client file.data': 'content', '0 client file.name': '' });
    expect(trace(SMB, pieces).described.get(1)).toMatchObject({ dcerpc: { request: 'BIND' } });
  });

  test('skips what is encrypted', () => {
    const encrypted = frame(concat('\xfdSMB', new Uint8Array(300).fill(0x42)));
    const { buffers, described } = trace(SMB, [...connected, client(encrypted), ...opened]);
    const plain = trace(SMB, [...connected, ...opened]);
    expect({ buffers, described }).toEqual({ buffers: plain.buffers, described: plain.described });
  });
});

describe('what is wrong', () => {
  test('tells of dialects that nobody offered', () => {
    const offer = (...names: string[]) => asked1({ command: 0x72 }, block(zeros(0), text(names.join(''))));
    expectEvents([offer('\x02A\0', '\x02\0')], 'smb.negotiate_malformed_dialects');
    const pieces = [offer('\x02A\0'), answered1({ command: 0x72 }, block(concat(u16(3), zeros(32))))];
    expectEvents(pieces, 'smb.negotiate_malformed_dialects');
    const twice = [offer('\x02A\0'), asked1({ command: 0x72, multiplexId: 2 }, block(zeros(0), text('\x02A\0')))];
    expectEvents(twice, 'smb.duplicate_negotiate');
  });

  test('a gap in the data of a write costs those bytes only', () => {
    const whole = frame(
      smb2({ command: 9, messageId: 4, ...on }, body.write(FILE_ID, 0, new Uint8Array(90_000).fill(0x61))),
    );
    const pieces = [
      ...[...connected, ...opened],
      client(whole.subarray(0, 70_000)),
      client(whole.subarray(70_000, 80_000)),
      client(whole.subarray(80_000)),
      ...closed,
    ];
    const traced = trace(SMB, pieces, connected.length + opened.length + 1);
    expect(eventsOf(traced)).toEqual([]);
    const shown = traced.buffers.get('4 client file.data')!;
    expect([shown.length, shown.indexOf('\0'), shown.lastIndexOf('\0')]).toEqual([90_000, 69_884, 79_883]);
    // What is behind the gap was shown by itself.
    expect(traced.described.get(6)).toMatchObject({ command: 'SMB2_COMMAND_CLOSE' });
  });

  test('behind a gap in commands the next message is looked for', () => {
    const traced = trace(SMB, [...connected, ...opened, ...closed], connected.length);
    expect(eventsOf(traced)).toEqual(['smb.gap']);
    expect(traced.described.get(3)).toMatchObject({ command: 'SMB2_COMMAND_CLOSE' });
    shownEvents.add('smb.gap');
  });

  test('a frame that holds no message is skipped, and what is no frame at all', () => {
    const wrong = [client(frame(text('GET / HTTP/1.1 and more'))), client(new Uint8Array(40).fill(7))];
    expectEvents([...connected, ...wrong, ...opened], 'smb.malformed_data', 'smb.malformed_data');
    expect(trace(SMB, [...connected, ...wrong, ...opened]).described.get(3)).toMatchObject({
      filename: 'dir\\report.pdf',
    });
  });

  test('commands that are too short for what they say', () => {
    for (const [command, content] of [
      [3, concat(u16(9, 0, 72, 4000))],
      [5, body.create('x').subarray(0, 56)],
      [6, zeros(10)],
      [9, body.write(FILE_ID, 0, text('data')).subarray(0, 50)],
    ] as const) {
      expectEvents([...connected, asked(command, 3, content, on)], 'smb.malformed_data');
    }
    expectEvents([...connected, client(frame(smb2({ command: 5, messageId: 3 }, zeros(64), 7)))], 'smb.malformed_data');
  });

  test('a command that is longer than what is kept of it', () => {
    expectEvents([asked(1, 2, zeros(MAX_COMMAND_BYTES))], 'smb.record_overflow');
  });

  test('more chained commands of SMB1 than are followed', () => {
    const logoffs = (count: number): Piece =>
      asked1(
        { command: 0x74 },
        ...Array.from({ length: count }, (_, i) => block(i === count - 1 ? andx() : andx(0x74, 32 + 7 * (i + 1)))),
      );
    expect(eventsOf(trace(SMB, [logoffs(MAX_CHAINED_COMMANDS)]))).toEqual([]);
    expectEvents([logoffs(MAX_CHAINED_COMMANDS + 1)], 'smb.chain_too_long');
  });

  test('messages that cannot be read', () => {
    const sealed = (magic: string): Piece => client(frame(concat(magic, zeros(80))));
    const compressed = [sealed('\xfcSMB'), sealed('\xfcSMB')];
    expectEvents([...connected, sealed('\xfdSMB'), ...compressed], 'smb.encrypted', 'smb.compressed');
  });

  test('an account whose fields lie elsewhere', () => {
    const blob = authenticate('D', 'U', 'H');
    blob[32] = 0xff;
    expectEvents([asked(1, 1, body.sessionSetup(blob))], 'smb.malformed_ntlmssp_request');
  });

  test('reads and writes of more than was agreed on', () => {
    const small = [connected[0]!, answered(0, 0, body.negotiated(0x0311, 8)), ...connected.slice(2), ...opened];
    const write = asked(9, 4, body.write(FILE_ID, 0, text('nine bytes')), on);
    expectEvents([...small, write], 'smb.write_request_too_large');
    const read = [asked(8, 4, body.read(FILE_ID, 0, 9), on), answered(8, 4, body.data(text('nine bytes')), on)];
    expectEvents([...small, ...read], 'smb.read_request_too_large', 'smb.read_response_too_large');
    expectEvents(
      [connected[0]!, answered(0, 0, body.negotiated(0x0311, 2 ** 25))],
      'smb.negotiate_max_read_size_too_large',
      'smb.negotiate_max_write_size_too_large',
    );
  });

  test('a file with too many holes', () => {
    const holes = (direction: Direction): Piece[] =>
      Array.from({ length: 66 }, (_, i) => {
        const offset = 2 + i * 2;
        if (direction === TO_SERVER) return [asked(9, 4 + i, body.write(FILE_ID, offset, text('x')), on)];
        return [asked(8, 4 + i, body.read(FILE_ID, offset, 1), on), answered(8, 4 + i, body.data(text('x')), on)];
      }).flat();
    const events = (direction: Direction) =>
      new Set(eventsOf(trace(SMB, [...connected, ...opened, ...holes(direction)])));
    expect(events(TO_SERVER)).toEqual(new Set(['smb.write_queue_cnt_exceeded']));
    expect(events(TO_CLIENT)).toEqual(new Set(['smb.read_queue_cnt_exceeded']));
    shownEvents.add('smb.write_queue_cnt_exceeded').add('smb.read_queue_cnt_exceeded');
  });

  test('a file that is written over again and again', () => {
    const big = asked(9, 4, body.write(FILE_ID, 0, new Uint8Array(MAX_FILE_BYTES - 1)), on);
    const writes = Array.from({ length: 700 }, (_, i) => asked(9, 5 + i, body.write(FILE_ID, 0, u16(i + 1)), on));
    const traced = trace(SMB, [...connected, ...opened, big, ...writes, ...closed]);
    expect(new Set(eventsOf(traced))).toEqual(new Set(['smb.file_overlap', 'smb.too_many_rewrites']));
    shownEvents.add('smb.too_many_rewrites');
    // The last state is always looked at.
    expect(
      filesOf([...connected, ...opened, big, ...writes, ...closed])
        .at(-1)!
        .slice(0, 2),
    ).toBe('\xbc\x02');
  });

  test('more files than are followed: the oldest is complete', () => {
    const writes = Array.from({ length: MAX_ACTIVE_FILES + 1 }, (_, i) =>
      asked(9, 10 + i, body.write(`file-number-${1000 + i}`, 0, text(`content ${i}`)), on),
    );
    expectEvents([...connected, ...writes], 'smb.too_many_files');
    expect(filesOf([...connected, ...writes])).toHaveLength(MAX_ACTIVE_FILES + 1);
  });

  test('more requests than are followed', () => {
    const echoes = Array.from({ length: MAX_OPEN_REQUESTS + 1 }, (_, i) => asked(13, i, zeros(4)));
    expectEvents(echoes, 'smb.too_many_transactions');
  });

  test('every event was raised', () => {
    expect(Object.keys(SMB_EVENTS).filter((event) => !shownEvents.has(event))).toEqual([]);
  });
});

describe('whatever comes', () => {
  const tree = [
    asked(3, 2, body.treeConnect('\\\\10.0.0.1\\IPC$'), { sessionId: 9 }),
    answered(3, 2, body.treeConnected(2), { sessionId: 9, treeId: 6 }),
  ];
  const pipe = { sessionId: 9, treeId: 6 };
  const whole = [
    ...[...connected, ...opened],
    asked(9, 4, body.write(FILE_ID, 0, new Uint8Array(500).fill(0x61)), on),
    answered(9, 4, body.written(500), on),
    ...[...closed, ...tree],
    asked(5, 23, body.create('svcctl'), pipe),
    answered(5, 23, body.created(OTHER_ID), pipe),
    asked(11, 24, body.pipeCall(OTHER_ID, bind(1, UUID)), pipe),
    answered(11, 24, body.pipeAnswer(OTHER_ID, bindAck(1)), pipe),
    asked(9, 25, body.write(OTHER_ID, 0, request(2, 12, 'first half, ', 1)), pipe),
    asked(9, 26, body.write(OTHER_ID, 0, request(2, 12, 'second half', 2)), pipe),
    asked1({ command: 0x2b, multiplexId: 9 }, block(u16(1))),
  ];

  test('the same bytes in other pieces give the same', () => {
    const expected = trace(SMB, whole);
    expect(expected.buffers.get('10 client dcerpc.stub_data')).toBe('first half, second half');
    for (const bytes of [1, 2, 3, 7, 64, 100]) expect(trace(SMB, cut(whole, bytes))).toEqual(expected);
  });

  test('every beginning of it is followed as far as it goes', () => {
    for (let count = 0; count < whole.length; count++) {
      const last = whole[count]!;
      const begun = whole.slice(0, count);
      for (let end = 0; end < last.bytes.length; end += 3) {
        const traced = trace(SMB, [...begun, { ...last, bytes: last.bytes.subarray(0, end) }]);
        expect(eventsOf(traced)).toEqual([]);
      }
    }
  });

  test('a write beyond all files is the same in any pieces', () => {
    const beyond = body.write(FILE_ID, 2 ** 57, new Uint8Array(40).fill(0x61));
    const pieces = [...connected, ...opened, asked(9, 4, beyond, on), ...closed];
    const expected = trace(SMB, pieces);
    for (const size of [1, 7, 50]) expect(trace(SMB, cut(pieces, size))).toEqual(expected);
  });

  test('changed bytes never throw, and give the same in any pieces', () => {
    expectSoundWhenChanged(SMB, whole, { runs: 200 });
  });
});

describe('recognition', () => {
  const probe = (bytes: Uint8Array, serverPort = 4000) =>
    SMB.probe(TO_SERVER, bytes, 0, bytes.length, channel('tcp', serverPort));
  const message = frame(smb2({ command: 0, messageId: 0 }, zeros(36)));

  test('a message is recognised on any port, whichever version', () => {
    expect(probe(message)).toBe('yes');
    expect(probe(smb1({ command: 0x72 }, block(zeros(0))))).toBe('yes');
    expect(probe(frame(concat('\xfdSMB', zeros(50))))).toBe('yes');
    for (let end = 0; end < 8; end++) expect(probe(message.subarray(0, end))).toBe('more');
  });

  test('behind the request for a session', () => {
    const session = concat(Uint8Array.of(0x81, 0, 0, 68), zeros(68));
    expect(probe(session)).toBe('more');
    expect(probe(concat(session, message))).toBe('yes');
    expect(probe(concat(session, 'something else'))).toBe('no');
  });

  test('in the middle of a connection only on its ports', () => {
    expect(probe(concat(new Uint8Array(300).fill(0x61), message))).toBe('no');
    expect(probe(concat(new Uint8Array(300).fill(0x61), message), 445)).toBe('yes');
    expect(probe(text('GET / HTTP/1.1\r\n'), 445)).toBe('no');
  });
});
