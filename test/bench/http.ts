/**
 * How many small requests a second the HTTP parser follows on one core, with the buffers that most rules read.
 * CPU time, so that a busy machine does not matter. Build, then: node dist/tools/test/bench/http.js
 */

import { AppLayer } from '../../src/app/app-layer.ts';
import { type AppSink, type BufferDefinition, STAGE } from '../../src/app/protocol.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { bufferNamed, flowEndpoints } from '../app/support.ts';
import { REQUEST } from './traffic.ts';

const ROUNDS = 5;
const REQUESTS = 300_000;

const response = bytesOf('HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok');

/** Reads buffers as detection does: those of a head when it is there. */
class ReadingSink implements AppSink {
  readBytes = 0;
  readonly #buffers: readonly BufferDefinition[];

  constructor(names: readonly string[]) {
    this.#buffers = names.map((name) => bufferNamed(name));
  }

  onProgress(...[transaction, direction, stage]: Parameters<AppSink['onProgress']>): void {
    if (stage !== STAGE.head || direction !== TO_SERVER) return;
    for (const buffer of this.#buffers) this.readBytes += buffer.read(transaction, direction, 0)?.length ?? 0;
  }

  onEvent(): void {
    throw new Error('the benchmark sends nothing odd');
  }
}

function measure(label: string, names: readonly string[], withResponses: boolean): void {
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const sink = new ReadingSink(names);
    const layer = new AppLayer(sink, flowEndpoints(80));
    const startedAt = process.cpuUsage();
    for (let i = 0; i < REQUESTS; i++) {
      const flow = i & 1023;
      if (!withResponses) layer.release(flow);
      layer.consume(flow, 0, REQUEST, 0, REQUEST.length);
      if (withResponses) layer.consume(flow, 1, response, 0, response.length);
    }
    const used = process.cpuUsage(startedAt);
    const seconds = (used.user + used.system) / 1e6;
    best = Math.max(best, REQUESTS / seconds);
  }
  console.log(`${label.padEnd(44)} ${Math.round(best).toLocaleString('en')} requests/CPU second`);
}

measure('requests alone with http.uri and http.header', ['http.uri', 'http.header'], false);
measure('requests and responses, no buffer', [], true);
measure('... with http.uri and http.header', ['http.uri', 'http.header'], true);
measure(
  '... with the 14 buffers of a large rule set',
  [
    ...['http.uri', 'http.header', 'http.method', 'http.host', 'http.user_agent', 'http.cookie', 'http.referer'],
    ...['http.accept', 'http.connection', 'http.content_type', 'http.header_names', 'http.request_line'],
    ...['http.start', 'http.protocol'],
  ],
  true,
);

/** Not a Buffer: the views that a stream consumer gets are plain. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
