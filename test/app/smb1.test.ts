import { describe, expect, test } from 'vitest';
import { andx, bind, bindAck, block, body, concat, request, response, u16, u32, wide, zeros } from '../support/smb.ts';
import {
  answered,
  answered1,
  asked1,
  buffersOf,
  eventsOf,
  expectEvents,
  filesOf,
  SMB,
  text,
  UUID,
} from './smb-conversation.ts';
import { cut, type Piece, trace } from './trace.ts';

describe('SMB1', () => {
  const negotiated = [
    asked1({ command: 0x72 }, block(zeros(0), text('\x02PC NETWORK PROGRAM 1.0\0\x02NT LM 0.12\0'))),
    answered1({ command: 0x72 }, block(concat(u16(1), zeros(32)), text('0123456789abcdef'))),
  ];
  const share = [
    asked1(
      { command: 0x75, multiplexId: 2 },
      block(concat(andx(), u16(0, 1)), concat('\0', wide('\\\\HOST\\data'), zeros(2), '?????\0')),
    ),
    answered1({ command: 0x75, multiplexId: 2, treeId: 3 }, block(concat(andx(), zeros(10)), text('A:\0NTFS\0'))),
  ];
  const ntCreate = (name: string): Uint8Array =>
    block(
      concat(andx(), zeros(1), u16(name.length * 2), zeros(28), u32(2, 0x40), zeros(5)),
      concat(zeros(1), wide(name)),
    );
  const ntCreated = block(concat(andx(), zeros(1), u16(0x4001), zeros(61)));
  const write = (content: Uint8Array, offset = 0): Uint8Array =>
    block(
      concat(andx(), u16(0x4001), u32(offset), zeros(4), u16(0, 0, 0, content.length, 64), u32(0)),
      concat(zeros(1), content),
    );
  const onTree = { treeId: 3 };

  test('shows shares and files', () => {
    const pieces = [
      ...[...negotiated, ...share],
      asked1({ command: 0xa2, multiplexId: 3, ...onTree }, ntCreate('\\a.txt')),
      answered1({ command: 0xa2, multiplexId: 3, ...onTree }, ntCreated),
      asked1({ command: 0x2f, multiplexId: 4, ...onTree }, write(text('first '))),
      asked1({ command: 0x2f, multiplexId: 5, ...onTree }, write(text('second'), 6)),
      asked1({ command: 0x04, multiplexId: 6, ...onTree }, block(concat(u16(0x4001), zeros(4)))),
    ];
    const traced = trace(SMB, pieces);
    expect(Object.fromEntries(traced.buffers)).toMatchObject({
      '1 client smb.share': '\\HOST\\data',
      '1 client smb.version': '\x01',
      '3 client file.data': 'first second',
      '3 client file.name': '\\a.txt',
    });
    expect(traced.described.get(0)).toMatchObject({
      ...{ dialect: 'NT LM 0.12', client_dialects: ['PC NETWORK PROGRAM 1.0', 'NT LM 0.12'] },
      command: 'SMB1_COMMAND_NEGOTIATE_PROTOCOL',
    });
    expect(traced.described.get(1)).toMatchObject({ service: { request: '?????', response: 'A:' }, tree_id: 3 });
    expect(traced.described.get(2)).toMatchObject({ filename: '\\a.txt', disposition: 'FILE_CREATE', fuid: '4001' });
    expect(eventsOf(traced)).toEqual([]);
  });

  test('follows commands that are chained in one message', () => {
    const create = ntCreate('\\a');
    const chained = concat(andx(0x2f, 32 + create.length), create.subarray(5));
    const content = text('MZ...');
    const writeAt = 32 + create.length;
    const second = block(
      concat(andx(), u16(0xffff), zeros(8), u16(0, 0, 0, content.length, writeAt + 31), u32(0)),
      content,
    );
    const pieces = [
      ...[...negotiated, ...share],
      asked1({ command: 0xa2, multiplexId: 3, ...onTree }, concat(Uint8Array.of(24), chained), second),
    ];
    expect(filesOf(pieces)).toEqual(['MZ...']);
  });

  test('shows what is read', () => {
    const pieces = [
      ...[...negotiated, ...share],
      asked1({ command: 0x2e, multiplexId: 4, ...onTree }, block(concat(andx(), u16(0x4001), zeros(18)))),
      answered1(
        { command: 0x2e, multiplexId: 4, ...onTree },
        block(concat(andx(), zeros(6), u16(7, 60), zeros(10)), concat(zeros(1), 'content')),
      ),
      asked1({ command: 0x0a, multiplexId: 5, ...onTree }, block(concat(u16(0x4001, 7), u32(7), u16(0)))),
      answered1(
        { command: 0x0a, multiplexId: 5, ...onTree },
        block(concat(u16(2), zeros(8)), concat('\x01', u16(2), '!!')),
      ),
    ];
    expect(filesOf(pieces)).toEqual(['content!!']);
  });

  test('shows calls in transactions with a pipe', () => {
    const named = (service: string): Piece[] => [
      asked1(
        { command: 0x75, multiplexId: 2, isAscii: true },
        block(concat(andx(), u16(0, 1)), text(`\0\\\\HOST\\IPC$\0${service}\0`)),
      ),
      answered1({ command: 0x75, multiplexId: 2, ...onTree }, block(concat(andx(), zeros(10)), text('IPC\0\0'))),
    ];
    const call = (content: Uint8Array): Uint8Array =>
      block(
        concat(zeros(22), u16(content.length, 80), Uint8Array.of(2, 0), u16(0x26, 0x4001)),
        concat(zeros(80 - 67), content),
      );
    const answer = (content: Uint8Array): Uint8Array =>
      block(concat(zeros(12), u16(content.length, 60, 0), zeros(2)), concat(zeros(60 - 55), content));
    const pieces = [
      ...[...negotiated, ...named('IPC')],
      asked1({ command: 0x25, multiplexId: 3, ...onTree }, call(bind(1, UUID))),
      answered1({ command: 0x25, multiplexId: 3, ...onTree }, answer(bindAck(1))),
      asked1({ command: 0x25, multiplexId: 4, ...onTree }, call(request(2, 7, 'stub'))),
      answered1({ command: 0x25, multiplexId: 4, ...onTree }, answer(response(2, 'back'))),
    ];
    expect(buffersOf(pieces)).toMatchObject({
      '1 client smb.named_pipe': '\\HOST\\IPC$',
      '3 client dcerpc.stub_data': 'stub',
      '3 client dcerpc.opnum': '\0\x07',
      '3 server dcerpc.stub_data': 'back',
    });
    expect(eventsOf(trace(SMB, pieces))).toEqual([]);
  });

  describe('a call in several messages', () => {
    const whole = request(2, 7, 'a stub that says evil');
    const primary = (totalBytes: number, part: Uint8Array): Uint8Array =>
      block(
        concat(u16(0, totalBytes), zeros(18), u16(part.length, 80), Uint8Array.of(2, 0), u16(0x26, 0x4001)),
        concat(zeros(80 - 67), part),
      );
    const secondary = (at: number, end: number, totalBytes = whole.length): Uint8Array =>
      block(concat(u16(0, totalBytes, 0, 0, 0, end - at, 52, at)), concat(zeros(1), whole.subarray(at, end)));
    const first = asked1({ command: 0x25, multiplexId: 4, ...onTree }, primary(whole.length, whole.subarray(0, 10)));
    const further = (...parts: readonly (readonly [number, number])[]): Piece[] =>
      parts.map(([at, end]) => asked1({ command: 0x26, multiplexId: 4, ...onTree }, secondary(at, end)));
    const pipe = [
      ...negotiated,
      asked1(
        { command: 0x75, multiplexId: 2, isAscii: true },
        block(concat(andx(), u16(0, 1)), text('\0\\\\HOST\\IPC$\0IPC\0')),
      ),
      answered1({ command: 0x75, multiplexId: 2, ...onTree }, block(concat(andx(), zeros(10)), text('IPC\0\0'))),
      asked1({ command: 0x25, multiplexId: 3, ...onTree }, primary(0, bind(1, UUID))),
    ];
    const goOn = answered1({ command: 0x25, multiplexId: 4, ...onTree }, block(zeros(0)));
    const answer = answered1(
      { command: 0x25, multiplexId: 4, ...onTree },
      block(concat(zeros(12), u16(response(2, 'back').length, 60, 0), zeros(2)), concat(zeros(5), response(2, 'back'))),
    );

    test.each([
      ['in order', further([10, 20], [20, whole.length])],
      ['in any order', further([20, whole.length], [10, 20])],
    ])('is put together, %s', (_, parts) => {
      const pieces = [...pipe, first, goOn, ...parts, answer];
      expect(buffersOf(pieces)).toMatchObject({
        '3 client dcerpc.stub_data': 'a stub that says evil',
        '3 server dcerpc.stub_data': 'back',
      });
      expect(eventsOf(trace(SMB, pieces))).toEqual([]);
      expect(trace(SMB, cut(pieces, 3))).toEqual(trace(SMB, pieces));
    });

    test('is told of when its last message comes, and not before', () => {
      expect(buffersOf([...pipe, first, ...further([10, 20])])).not.toHaveProperty(['3 client dcerpc.stub_data']);
    });

    test('a part that does not fit', () => {
      const pieces = [...pipe, first, ...further([10, whole.length], [0, 10])];
      expect(eventsOf(trace(SMB, pieces))).toEqual([]);
      const beyond = asked1(
        { command: 0x26, multiplexId: 4, ...onTree },
        block(u16(0, 99, 0, 0, 0, 10, 52, whole.length), zeros(11)),
      );
      expectEvents([...pipe, first, beyond], 'smb.malformed_data');
    });

    test('more of them than are followed', () => {
      const begun = (count: number): Piece[] =>
        Array.from({ length: count }, (_, i) =>
          asked1({ command: 0x25, multiplexId: 4 + i, ...onTree }, primary(100, whole.subarray(0, 10))),
        );
      expect(eventsOf(trace(SMB, [...pipe, ...begun(16)]))).toEqual([]);
      expectEvents([...pipe, ...begun(17)], 'smb.record_overflow');
    });

    test('announces no more than there is room for, until others are whole', () => {
      const begun = (multiplexId: number, totalBytes: number): Piece =>
        asked1({ command: 0x25, multiplexId, ...onTree }, primary(totalBytes, whole.subarray(0, 10)));
      const two = [begun(5, 0xffff), begun(6, 0xffff)];
      expect(eventsOf(trace(SMB, [...pipe, ...two, ...two]))).toEqual([]);
      expectEvents([...pipe, ...two, begun(7, 0xffff)], 'smb.record_overflow');
      const ended = Array.from({ length: 4 }, () => [first, ...further([10, whole.length])]).flat();
      const large = begun(5, 0xffff);
      expect(eventsOf(trace(SMB, [...pipe, ...ended, large, begun(6, 0xffff)]))).toEqual([]);
    });
  });

  test('a client that goes on before the server has said what a share is has asked for a share', () => {
    const request = asked1(
      { command: 0x75, multiplexId: 2, isAscii: true },
      block(concat(andx(), u16(0, 1)), text('\0\\\\HOST\\IPC$\0?????\0')),
    );
    const echo = asked1({ command: 0x2b, multiplexId: 9 }, block(u16(1)));
    const answer = answered1({ command: 0x75, multiplexId: 2 }, block(concat(andx(), zeros(10)), text('IPC\0\0')));
    expect(buffersOf([request, answer, echo])).toHaveProperty(['0 client smb.named_pipe']);
    expect(buffersOf([request, echo, answer])).toHaveProperty(['0 client smb.share']);
  });

  test('a server that takes the offer of SMB2 answers in it', () => {
    const pieces = [
      asked1({ command: 0x72 }, block(zeros(0), text('\x02NT LM 0.12\0\x02SMB 2.???\0'))),
      answered(0, 0, body.negotiated(0x02ff)),
    ];
    expect(trace(SMB, pieces).described.get(0)).toMatchObject({ dialect: '2.??', status: 'STATUS_SUCCESS' });
  });
});
