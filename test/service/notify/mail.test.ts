import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { MailSettings } from '../../../src/config/notify-settings.ts';
import { MailTransport } from '../../../src/service/notify/mail.ts';

const PASSWORD = 'p4ss phrase';
const MESSAGE = { subject: 'Blöcked: x', text: 'text part\n', html: '<p>html part</p>\n', data: {} };
const NEVER = new AbortController().signal;

let folder: string;
let certificate: string;
let key: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-mail-'));
  certificate = join(folder, 'certificate.pem');
  key = join(folder, 'key.pem');
  writeFileSync(join(folder, 'password'), `${PASSWORD}\n`);
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', [...made, ...names, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
});
afterAll(() => rmSync(folder, { recursive: true }));

const closings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly isEncrypted: boolean;
  readonly source: string;
}

/** A mail server on loopback that keeps what it takes. */
async function serve(options: SMTPServerOptions = {}): Promise<{ port: number; received: Received[] }> {
  const received: Received[] = [];
  const server = new SMTPServer({
    key: readFileSync(key),
    cert: readFileSync(certificate),
    authOptional: true,
    disableReverseLookup: true,
    onAuth: ({ username, password }, _, callback) =>
      username === 'vpatch' && password === PASSWORD
        ? callback(null, { user: username })
        : callback(Object.assign(new Error('bad credentials'), { responseCode: 535 })),
    onData: (stream, session, callback) => {
      let source = '';
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        source += text;
      });
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: session.user,
          isEncrypted: session.secure,
          source,
        });
        callback(null);
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closings.push(() => new Promise((resolve) => server.close(() => resolve())));
  return { port: (server.server.address() as AddressInfo).port, received };
}

const mail = (settings: Partial<MailSettings> & { readonly port: number }): MailTransport =>
  new MailTransport({
    server: '127.0.0.1',
    security: 'starttls',
    caFile: certificate,
    user: null,
    passwordFile: null,
    from: 'vpatch <vpatch@example.org>',
    to: ['admin@example.org', 'second@example.org'],
    timeoutMs: 20_000,
    ...settings,
  });

test('sends text and HTML to everybody, after STARTTLS', async () => {
  const { port, received } = await serve();
  expect(await mail({ port }).send(MESSAGE, NEVER)).toMatch(/^250 /);
  expect(received).toMatchObject([
    { from: 'vpatch@example.org', to: ['admin@example.org', 'second@example.org'], isEncrypted: true },
  ]);
  const { source } = received[0]!;
  expect(source).toMatch(/^Subject: =\?UTF-8\?/m);
  expect(source).toMatch(/^Auto-Submitted: auto-generated\r$/m);
  expect(source).toContain('text part');
  expect(source).toContain('<p>html part</p>');
});

test('sends in TLS from the first byte on', async () => {
  const { port, received } = await serve({ secure: true });
  await mail({ port, security: 'tls' }).send(MESSAGE, NEVER);
  expect(received).toMatchObject([{ isEncrypted: true }]);
});

test('sends without encryption where that is wanted', async () => {
  const { port, received } = await serve();
  await mail({ port, security: 'none' }).send(MESSAGE, NEVER);
  expect(received).toMatchObject([{ isEncrypted: false }]);
});

test('says who it is', async () => {
  const { port, received } = await serve({ authOptional: false });
  await mail({ port, user: 'vpatch', passwordFile: join(folder, 'password') }).send(MESSAGE, NEVER);
  expect(received).toMatchObject([{ user: 'vpatch' }]);
});

test('a wrong password is refused for good, and not told', async () => {
  const { port, received } = await serve();
  writeFileSync(join(folder, 'wrong'), 'wr0ng-s3cret\n');
  const error = await failure(mail({ port, user: 'vpatch', passwordFile: join(folder, 'wrong') }));
  expect(error).toMatchObject({ isTemporary: false, message: expect.stringContaining('535') });
  expect(error.message).not.toContain('wr0ng');
  expect(received).toEqual([]);
});

test('sends nothing to a server that nobody vouches for', async () => {
  const { port, received } = await serve();
  expect(await failure(mail({ port, caFile: null }))).toMatchObject({
    message: expect.stringMatching(/self[- ]signed certificate/),
  });
  expect(received).toEqual([]);
});

test('sends nothing to a server without STARTTLS', async () => {
  const { port, received } = await serve({ disabledCommands: ['STARTTLS'] });
  await failure(mail({ port }));
  expect(received).toEqual([]);
});

test.each([
  [451, true],
  [550, false],
])('an answer of %i is temporary: %s', async (responseCode, isTemporary) => {
  const { port } = await serve({
    onMailFrom: (_, __, callback) => callback(Object.assign(new Error('not now'), { responseCode })),
  });
  expect(await failure(mail({ port }))).toMatchObject({ isTemporary, message: expect.stringContaining('not now') });
});

test('says which receivers were refused', async () => {
  const { port, received } = await serve({
    onRcptTo: ({ address }, _, callback) =>
      address.startsWith('second') ? callback(new Error('no such user')) : callback(),
  });
  expect(await mail({ port }).send(MESSAGE, NEVER)).toContain('but not for second@example.org');
  expect(received).toMatchObject([{ to: ['admin@example.org'] }]);
});

test('does not wait for ever for a server that says nothing', async () => {
  const server: Server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closings.push(() => new Promise((resolve) => server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  expect(await failure(mail({ port, timeoutMs: 300 }))).toMatchObject({
    isTemporary: true,
    message: `127.0.0.1:${port}: not done within 0.3 s`,
  });
});

test('a server that is not there may be there later', async () => {
  const { port } = await serve();
  await closings.pop()!();
  expect(await failure(mail({ port }))).toMatchObject({
    isTemporary: true,
    message: expect.stringContaining('ECONNREFUSED'),
  });
});

test('names the file of the password where it cannot be read', async () => {
  const file = join(folder, 'missing');
  expect(await failure(mail({ port: 1, user: 'vpatch', passwordFile: file }))).toMatchObject({
    isTemporary: false,
    message: `${file}: cannot be read: there is no such file`,
  });
});

async function failure(transport: MailTransport): Promise<Error & { readonly isTemporary?: boolean }> {
  const error = await transport.send(MESSAGE, NEVER).catch((reason: unknown) => reason);
  expect(error).toHaveProperty('name', 'DeliveryError');
  return error as Error;
}
