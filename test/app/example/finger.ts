import { ByteBuffer } from '../../../src/app/byte-buffer.ts';
import { type AppEventInfo, report } from '../../../src/app/events.ts';
import { type AppParser, type AppProtocol, type AppSink, STAGE, type Transaction } from '../../../src/app/protocol.ts';
import { type Direction, TO_SERVER } from '../../../src/base/direction.ts';

/** Longer lines are cut; ours. */
const MAX_QUERY_BYTES = 512;

export const FINGER_EVENTS = {
  'finger.long_query': report('a query is longer than the limit, and was cut'),
} as const satisfies Record<string, AppEventInfo>;

/** Finger (RFC 1288): the client sends one line, the server answers with text. */
export const createFinger = (): AppProtocol<Query> => ({
  name: 'finger',
  transports: ['tcp'],
  buffers: [
    {
      name: 'finger.query',
      summary: 'the line that asks, without its end',
      direction: TO_SERVER,
      stage: STAGE.head,
      read: (query, _direction, nth) => (nth === 0 ? query.line.view() : null),
    },
  ],
  // Any line could be a query: only the port tells.
  probe: (_direction, _bytes, _start, _end, { serverPort }) => (serverPort === 79 ? 'yes' : 'no'),
  open: (sink) => new FingerParser(sink),
  describe: (query) => ({ query: Buffer.from(query.line.view()).toString('latin1') }),
});

class Query implements Transaction {
  readonly id = 0;
  readonly line = new ByteBuffer(MAX_QUERY_BYTES);
}

class FingerParser implements AppParser {
  readonly #sink: AppSink;
  readonly #query = new Query();
  isDone = false;

  constructor(sink: AppSink) {
    this.#sink = sink;
  }

  get heldBytes(): number {
    return this.#query.line.heldBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    if (direction !== TO_SERVER) return;
    let at = start;
    while (at < end && bytes[at] !== 0x0d && bytes[at] !== 0x0a) at++;
    if (this.#query.line.length + (at - start) > MAX_QUERY_BYTES) {
      this.#sink.onEvent(this.#query, TO_SERVER, 'finger.long_query');
    }
    this.#query.line.append(bytes, start, at);
    if (at < end) this.end(TO_SERVER);
  }

  /** What is missing of a query nobody can make up. */
  gap(direction: Direction): void {
    this.end(direction);
  }

  end(direction: Direction): void {
    if (direction !== TO_SERVER || this.isDone) return;
    this.isDone = true;
    this.#sink.onProgress(this.#query, TO_SERVER, STAGE.head);
    this.#sink.onProgress(this.#query, TO_SERVER, STAGE.complete);
  }
}
