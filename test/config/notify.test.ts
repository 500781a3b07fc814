import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function load(text: string): LoadedConfig {
  writeFileSync(join(directory, 'vpatch.yaml'), text);
  return loadConfig({ directory, file: 'vpatch.yaml' });
}

test('mail and webhook have defaults, and their files count from the folder of the configuration', () => {
  const loaded = load(`
notify:
  mail: { server: mx.example, from: a@example.org, to: [b@example.org], user: u, password-file: secret }
  webhook: { url: 'https://hooks.example/x', header-file: headers }
`);
  expect(loaded).toMatchObject({
    status: 'ok',
    config: {
      notify: {
        kinds: ['blocks', 'scan', 'failures'],
        mail: { port: 587, security: 'starttls', caFile: null, passwordFile: join(directory, 'secret') },
        webhook: { headerFile: join(directory, 'headers'), timeoutMs: 30_000 },
      },
    },
  });
});

test.each([
  ['starttls', 587],
  ['tls', 465],
  ['none', 25],
])('security %s has port %i', (security, port) => {
  const loaded = load(
    `notify: { mail: { server: s, from: a@example.org, to: [b@example.org], security: ${security} } }`,
  );
  expect(loaded).toMatchObject({ config: { notify: { mail: { port } } } });
});

const MAIL = 'server: s, from: a@example.org, to: [b@example.org]';

test.each([
  ['notify: { mail: { server: s } }', '1:17: notify.mail: expected "server", "from" and "to", found a block of keys'],
  [
    `notify: { mail: { ${MAIL}, user: u } }`,
    '1:17: notify.mail: expected "user" and "password-file" together, found a block of keys',
  ],
  [
    `notify: { mail: { ${MAIL}, user: u, password-file: p, security: none } }`,
    '1:17: notify.mail: expected no "user" with "security: none": the password would be readable on its way, found a block of keys',
  ],
  [
    'notify: { mail: { server: s, from: "a@b\\nBcc: c@d", to: [b@example.org] } }',
    '1:36: notify.mail.from: expected an address such as admin@example.org or "vpatch <vpatch@example.org>", found "a@b\\nBcc: c@d"',
  ],
  [`notify: { mail: { ${MAIL}, sever: s } }`, '1:72: notify.mail.sever: unknown key; did you mean server?'],
  [
    'notify: { webhook: { url: "http://[/" } }',
    '1:27: notify.webhook.url: expected an address such as https://hooks.example/vpatch, found "http://[/"',
  ],
  [
    'notify: { what: [attacks] }',
    '1:18: notify.what.0: expected detections, blocks, scan or failures, found "attacks"',
  ],
])('%s is refused', (text, problem) => {
  const loaded = load(text);
  const lines = loaded.status === 'invalid' ? loaded.problems.map(formatProblem) : [];
  expect(lines).toEqual([`vpatch.yaml:${problem}`]);
});
