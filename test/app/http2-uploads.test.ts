import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHttp2 } from '../../src/app/http2/http2.ts';
import type { AppProtocol } from '../../src/app/protocol.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { fuzzRuns, SEED } from '../support/fuzz.ts';
import { FLAGS, fields, frame, joined, PREFACE, REQUEST } from './http2-frames.ts';
import { channel } from './support.ts';

const HTTP2 = createHttp2() as AppProtocol;
const { endHeaders: END_HEADERS, endStream: END_STREAM, padded: PADDED } = FLAGS;
/** RFC 9113 §8.1.1. */
const MISMATCHES = ['http2.request_content_length_mismatch', 'http2.response_content_length_mismatch'];

/** What one side sends of a stream: DATA frames of so many bytes, and how they are made. */
interface Message {
  readonly frames: readonly { readonly bytes: number; readonly padding: number | null }[];
  /** The stream ends with the last DATA frame that has content, an empty one, or a trailer. */
  readonly ending: 'content' | 'empty' | 'trailer';
  /** What Content-Length says beyond what is sent. */
  readonly surplus: number;
}

interface Stream {
  readonly upload: Message;
  readonly download: Message;
  /** The answer is complete before the request is. */
  readonly isAnsweredEarly: boolean;
}

const message = fc.record<Message>({
  frames: fc.array(
    fc.record({ bytes: fc.integer({ min: 1, max: 3000 }), padding: fc.option(fc.integer({ min: 0, max: 255 })) }),
    { minLength: 1, maxLength: 6 },
  ),
  ending: fc.constantFrom('content', 'empty', 'trailer'),
  surplus: fc.constantFrom(0, 0, 0, 0, 1, -1),
});
const stream = fc.record<Stream>({ upload: message, download: message, isAnsweredEarly: fc.boolean() });

const lengthOf = ({ frames }: Message): number => frames.reduce((sum, { bytes }) => sum + bytes, 0);

/** The frames of one side of a stream, in their order. */
function framesOf(streamId: number, head: readonly (readonly [string, string])[], sent: Message): Uint8Array[] {
  const declared = String(lengthOf(sent) + sent.surplus);
  const frames = [frame('headers', END_HEADERS, streamId, fields(...head, ['content-length', declared]))];
  for (const [i, { bytes, padding }] of sent.frames.entries()) {
    const isEnd = sent.ending === 'content' && i === sent.frames.length - 1;
    const content = new Uint8Array(bytes).fill(0x61);
    const payload = padding === null ? content : joined(Uint8Array.of(padding), content, new Uint8Array(padding));
    frames.push(frame('data', (isEnd ? END_STREAM : 0) | (padding === null ? 0 : PADDED), streamId, payload));
  }
  if (sent.ending === 'empty') frames.push(frame('data', END_STREAM, streamId));
  if (sent.ending === 'trailer') {
    frames.push(frame('headers', END_HEADERS | END_STREAM, streamId, fields(['x-sum', '1'])));
  }
  return frames;
}

test('lengths that fit are never taken for ones that do not, however streams are mixed and cut', () => {
  let fitting = 0;
  let others = 0;
  fc.assert(
    fc.property(fc.array(stream, { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.nat()), (streams, numbers) => {
      const next = (below: number): number => numbers.next().value! % below;
      const expected: string[] = [];
      const found: string[] = [];
      const parser = HTTP2.open(
        {
          onProgress: () => undefined,
          onEvent: (_, direction, event) => found.push(`${direction} ${event}`),
        },
        channel('tcp', 80),
      );
      const say = (direction: Direction, bytes: Uint8Array): void => {
        for (let at = 0; at < bytes.length; ) {
          const end = Math.min(bytes.length, at + 1 + next(2000));
          parser.consume(direction, bytes, at, end);
          at = end;
        }
      };
      say(TO_SERVER, joined(PREFACE, frame('settings', 0, 0)));
      say(TO_CLIENT, frame('settings', 0, 0));
      // Of each stream, what is still to be sent; a side's frames stay in their order.
      const sides = streams.map(({ upload, download, isAnsweredEarly }, i) => {
        const id = 2 * i + 1;
        const up = framesOf(id, REQUEST, upload);
        say(TO_SERVER, up.shift()!);
        if (upload.surplus !== 0) expected.push(`${TO_SERVER} ${MISMATCHES[0]}`);
        if (download.surplus !== 0) expected.push(`${TO_CLIENT} ${MISMATCHES[1]}`);
        return { up, down: framesOf(id, [[':status', '200']], download), isAnsweredEarly };
      });
      for (let left = sides.filter(hasMore); left.length > 0; left = sides.filter(hasMore)) {
        const side = left[next(left.length)]!;
        const mayAnswer = side.up.length === 0 || side.isAnsweredEarly;
        const isAnswer = side.down.length > 0 && mayAnswer && (side.up.length === 0 || next(2) === 0);
        say(isAnswer ? TO_CLIENT : TO_SERVER, (isAnswer ? side.down : side.up).shift()!);
      }
      expect(found.sort()).toEqual(expected.sort());
      if (expected.length === 0) fitting++;
      else others++;
    }),
    { ...SEED, numRuns: fuzzRuns(200) },
  );
  expect(fitting).toBeGreaterThan(0);
  expect(others).toBeGreaterThan(0);
});

const hasMore = ({ up, down }: { readonly up: unknown[]; readonly down: unknown[] }): boolean =>
  up.length + down.length > 0;
