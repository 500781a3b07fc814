import { connect, isIP, type Socket } from 'node:net';
import { readTextFile } from '../../base/whole-file.ts';
import type { MailSettings } from '../../config/notify-settings.ts';
import { reasonOf } from '../../config/problem.ts';
import { DeliveryError, type MessageTransport, type Rendered } from './transport.ts';

/** RFC 5321 §4.2.1: replies that begin with 5 are permanent. */
const PERMANENT_REPLY = 500;
const MAX_REASON_CHARACTERS = 300;

/** Sends messages by SMTP, each in a connection of its own. */
export class MailTransport implements MessageTransport {
  readonly name = 'mail';
  readonly #settings: MailSettings;

  constructor(settings: MailSettings) {
    this.#settings = settings;
  }

  async send({ subject, text, html }: Rendered, end: AbortSignal): Promise<string> {
    const { server, port, security, user, passwordFile, caFile, from, to, timeoutMs } = this.#settings;
    // Read for each message, so that they can be changed while the service runs.
    const password = passwordFile === null ? null : firstLine(passwordFile);
    const ca = caFile === null ? null : contentsOf(caFile);
    // By need: a service that sends no mail does not hold its code.
    const { createTransport } = await import('nodemailer');
    const timeout = AbortSignal.timeout(timeoutMs);
    const socket = connect({ host: server, port, signal: AbortSignal.any([timeout, end]) });
    try {
      await connected(socket);
      const transport = createTransport({
        host: server,
        port,
        connection: socket,
        secure: security === 'tls',
        requireTLS: security === 'starttls',
        ignoreTLS: security === 'none',
        tls: { ...(ca !== null && { ca }), ...(isIP(server) === 0 && { servername: server }) },
        ...(user !== null && password !== null && { auth: { user, pass: password } }),
        // Texts of messages come from traffic.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      const headers = { 'Auto-Submitted': 'auto-generated' };
      const { response, rejected } = await transport.sendMail({ from, to: [...to], subject, text, html, headers });
      return rejected.length === 0 ? response : `${response} (but not for ${rejected.map(String).join(', ')})`;
    } catch (error) {
      const { message, responseCode = 0 } = error as Error & { readonly responseCode?: number };
      const reason = timeout.aborted ? `not done within ${timeoutMs / 1000} s` : message;
      const text = `${server}:${port}: ${reason}`.slice(0, MAX_REASON_CHARACTERS);
      throw new DeliveryError(text, responseCode < PERMANENT_REPLY);
    } finally {
      socket.destroy();
    }
  }
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays: the time may be over when nobody else listens.
    socket.on('error', reject);
    socket.once('connect', resolve);
  });
}

const firstLine = (file: string): string => contentsOf(file).split(/\r?\n/, 1)[0]!;

function contentsOf(file: string): string {
  try {
    return readTextFile(file);
  } catch (error) {
    throw new DeliveryError(`${file}: cannot be read: ${reasonOf(error)}`, false);
  }
}
