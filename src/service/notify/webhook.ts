import type { IncomingMessage } from 'node:http';
import { readTextFile } from '../../base/whole-file.ts';
import type { WebhookSettings } from '../../config/notify-settings.ts';
import { reasonOf } from '../../config/problem.ts';
import { DeliveryError, type MessageTransport, type Rendered } from './transport.ts';

const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e]*)$/;
/** RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4: come again later. */
const TEMPORARY_STATUSES = [408, 425, 429];

/** Posts messages as JSON. Redirections are not followed: they would take secrets elsewhere. */
export class WebhookTransport implements MessageTransport {
  readonly name = 'webhook';
  readonly #settings: WebhookSettings;

  constructor(settings: WebhookSettings) {
    this.#settings = settings;
  }

  async send(message: Rendered, end: AbortSignal): Promise<string> {
    const { headerFile, timeoutMs } = this.#settings;
    const headers = headerFile === null ? {} : headersOf(headerFile);
    const body = JSON.stringify({ subject: message.subject, text: message.text, ...message.data });
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([timeout, end]);
    let response: IncomingMessage;
    try {
      response = await this.#post(body, headers, signal);
    } catch (error) {
      const reason = timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : (error as Error).message;
      throw new DeliveryError(`${this.#host}: ${reason}`, true);
    }
    // Nobody reads what else it says.
    response.destroy();
    const { statusCode: status = 0, statusMessage = '' } = response;
    const answer = `${status} ${statusMessage}`.trim();
    if (status >= 200 && status < 300) return answer;
    throw new DeliveryError(
      `${this.#host}: the server answers ${answer}`,
      status >= 500 || TEMPORARY_STATUSES.includes(status),
    );
  }

  /** The rest of the address may be a secret. */
  get #host(): string {
    return new URL(this.#settings.url).host;
  }

  async #post(body: string, own: Readonly<Record<string, string>>, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(this.#settings.url);
    // By need: a service that only sends mail does not hold its code.
    const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
    const headers = {
      'user-agent': 'vpatch',
      ...own,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    return new Promise((resolve, reject) => {
      // A connection of its own: messages are rare, and a server has closed what was kept.
      const sent = request(url, { method: 'POST', headers, signal, agent: false }, (response) => {
        response.on('error', () => {});
        resolve(response);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

/** Read for each message, so that a secret can be changed while the service runs. */
function headersOf(file: string): Record<string, string> {
  let text: string;
  try {
    text = readTextFile(file);
  } catch (error) {
    throw new DeliveryError(`${file}: cannot be read: ${reasonOf(error)}`, false);
  }
  const headers: Record<string, string> = {};
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, value] = HEADER.exec(line) ?? [];
    // The line itself is a secret.
    if (name === undefined || value === undefined) {
      throw new DeliveryError(`${file}:${at + 1}: expected a header line such as "Authorization: secret"`, false);
    }
    headers[name.toLowerCase()] = value.trim();
  }
  return headers;
}
