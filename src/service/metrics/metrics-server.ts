import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ListenAddress } from '../../config/config.ts';
import { listenText } from '../../config/listen-address.ts';
import { reasonOf } from '../../config/problem.ts';
import type { Logger } from '../../output/log.ts';
import { CONTENT_TYPE } from './exposition.ts';

export interface MetricsOptions {
  readonly listen: ListenAddress;
  readonly log: Logger;
  /** What is answered. Called at most once in FRESH_MS. */
  readonly text: () => string;
  /** What a client may take for its request; by default REQUEST_LIMIT_MS. */
  readonly requestLimitMs?: number;
  /** Until it tries again to listen; by default RETRY_MS. */
  readonly retryMs?: number;
  readonly nowMs?: () => number;
}

const PATH = '/metrics';
/** Whoever asks more often gets the same answer: it takes the main thread some milliseconds to make. */
const FRESH_MS = 500;
/** More at a time than a handful of monitors need; others are hung up on. */
const MAX_CONNECTIONS = 8;
/** Prometheus sends some 300 bytes. */
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_HEADERS = 50;
const REQUEST_LIMIT_MS = 5_000;
/** Of a client that does not take its answer. */
const SILENCE_LIMIT_MS = 10_000;
/** An address that an interface does not have yet, or a port that somebody else holds. */
const RETRY_MS = 10_000;

/**
 * Answers `GET /metrics`, and nothing else, in the main thread: no packet waits for it. One request for each
 * connection. A place where it cannot listen does not keep the service from its work.
 */
export class MetricsServer {
  readonly #options: MetricsOptions;
  readonly #server: Server;
  #retry: NodeJS.Timeout | null = null;
  #hasFailed = false;
  #text = '';
  #textAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: MetricsOptions) {
    this.#options = options;
    const { requestLimitMs = REQUEST_LIMIT_MS } = options;
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: requestLimitMs,
        requestTimeout: requestLimitMs,
        connectionsCheckingInterval: requestLimitMs / 2,
        keepAlive: false,
      },
      (request, response) => this.#answer(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.maxHeadersCount = MAX_HEADERS;
    this.#server.timeout = SILENCE_LIMIT_MS;
    this.#server.on('listening', () => {
      this.#options.log.info(`metrics are at http://${listenText(this.#options.listen)}${PATH}`);
    });
    this.#server.on('error', (error) => this.#tryLater(error));
  }

  /** Begins to listen, or tries again later. */
  open(): void {
    const { address, port } = this.#options.listen;
    this.#server.listen({ host: address, port, exclusive: true });
  }

  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #tryLater(error: Error): void {
    const { log, listen, retryMs = RETRY_MS } = this.#options;
    if (!this.#hasFailed) log.error(`no metrics yet: ${listenText(listen)}: ${reasonOf(error)}; trying again`);
    this.#hasFailed = true;
    this.#retry = setTimeout(() => this.open(), retryMs).unref();
  }

  #answer({ url, method }: IncomingMessage, response: ServerResponse): void {
    response.shouldKeepAlive = false;
    if (url !== PATH && url?.startsWith(`${PATH}?`) !== true) {
      end(response, 404, `There is only ${PATH} here.\n`);
    } else if (method !== 'GET') {
      response.setHeader('Allow', 'GET');
      end(response, 405, 'Only GET is answered here.\n');
    } else {
      this.#answerMetrics(response);
    }
  }

  /** Whatever goes wrong here must not end the service. */
  #answerMetrics(response: ServerResponse): void {
    try {
      const text = this.#currentText();
      response.setHeader('Content-Type', CONTENT_TYPE);
      end(response, 200, text);
    } catch (error) {
      this.#options.log.error({ error }, 'metrics cannot be told');
      end(response, 500, 'Metrics cannot be told: the log says why.\n');
    }
  }

  #currentText(): string {
    const { text, nowMs = () => performance.now() } = this.#options;
    const now = nowMs();
    if (now - this.#textAtMs < FRESH_MS) return this.#text;
    this.#text = text();
    this.#textAtMs = now;
    return this.#text;
  }
}

function end(response: ServerResponse, statusCode: number, text: string): void {
  response.statusCode = statusCode;
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.end(text);
}
