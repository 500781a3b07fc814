import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebhookTransport } from '../../../src/service/notify/webhook.ts';

const MESSAGE = { subject: 'subject', text: 'text', html: 'html', data: { host: 'web1' } };
const NEVER = new AbortController().signal;

let folder: string;
let server: Server;
let status: number | null;
let requests: { readonly path: string | undefined; readonly headers: IncomingHttpHeaders; readonly body: string }[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-webhook-'));
  status = 200;
  requests = [];
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    requests.push({ path: request.url, headers: request.headers, body });
    if (status !== null) response.writeHead(status, { location: '/elsewhere' }).end('an answer');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const webhook = (headerFile: string | null = null, timeoutMs = 20_000): WebhookTransport => {
  const { port } = server.address() as AddressInfo;
  return new WebhookTransport({ url: `http://127.0.0.1:${port}/hooks/s3cret`, headerFile, timeoutMs });
};

function headerFile(text: string): string {
  const file = join(folder, 'headers');
  writeFileSync(file, text);
  return file;
}

test('posts the message as JSON, with the headers of the file', async () => {
  const file = headerFile('# ours\nAuthorization: Bearer t0ken \n\nX-Team: web\n');
  expect(await webhook(file).send(MESSAGE, NEVER)).toBe('200 OK');
  expect(requests).toHaveLength(1);
  const [request] = requests;
  expect(request).toMatchObject({
    path: '/hooks/s3cret',
    headers: { authorization: 'Bearer t0ken', 'x-team': 'web', 'content-type': 'application/json' },
  });
  expect(JSON.parse(request!.body)).toEqual({ subject: 'subject', text: 'text', host: 'web1' });
});

test.each([
  [302, false],
  [403, false],
  [429, true],
  [500, true],
  [503, true],
])('an answer of %i is temporary: %s; the address stays a secret', async (code, isTemporary) => {
  status = code;
  const error = await failure(webhook());
  expect(error).toMatchObject({ isTemporary, message: expect.stringContaining(`the server answers ${code}`) });
  expect(error.message).not.toContain('s3cret');
  expect(requests).toHaveLength(1);
});

test('does not wait for ever for an answer', async () => {
  status = null;
  expect(await failure(webhook(null, 300))).toMatchObject({
    isTemporary: true,
    message: expect.stringContaining('no answer within 0.3 s'),
  });
});

test('gives up when it is told to', async () => {
  status = null;
  const end = new AbortController();
  const sent = webhook().send(MESSAGE, end.signal);
  end.abort();
  await expect(sent).rejects.toHaveProperty('name', 'DeliveryError');
});

test('a header line that is none is named by its place, without what it says', async () => {
  const file = headerFile('X-Team: web\nBearer t0ken\n');
  expect(await failure(webhook(file))).toMatchObject({
    isTemporary: false,
    message: `${file}:2: expected a header line such as "Authorization: secret"`,
  });
  expect(requests).toEqual([]);
});

async function failure(transport: WebhookTransport): Promise<Error> {
  const error = await transport.send(MESSAGE, NEVER).catch((reason: unknown) => reason);
  expect(error).toHaveProperty('name', 'DeliveryError');
  return error as Error;
}
