import type { z } from 'zod';
import {
  MAIL_SECURITIES,
  type MailSecurity,
  type MailSettings,
  NOTICE_KINDS,
  type NotifySettings,
  type WebhookSettings,
} from './notify-settings.ts';
import type { Overrides } from './overrides.ts';
import { distinct, duration, key, keysOfSection, list, oneOf, section, text, whole } from './schema-parts.ts';

const MAX_PORT = 0xffff;
/** Suricata's: a priority has eight bits. */
const MAX_SEVERITY = 255;
/** One in a second: more is a log, and nobody reads it as mail. */
const MAX_PER_HOUR = 3_600;
/** With pauses that double, the last one is an hour long. */
const MAX_RETRIES = 20;
const MAX_WAITING = 10_000;
/** RFC 6409 §3.1 and RFC 8314 §7.3. Without encryption, a relay of one's own. */
const PORTS: Readonly<Record<MailSecurity, number>> = { starttls: 587, tls: 465, none: 25 };
const DEFAULT_TIMEOUT_MS = 30_000;

/** Line breaks would begin another header field. */
const mailAddress = (): z.ZodType<string> =>
  text('an address such as admin@example.org or "vpatch <vpatch@example.org>"', /^[^@\r\n,]+@[^@\r\n,]+$/);

const mailKeys = section({
  server: key('server', text('the name or address of a mail server', /^[^\s/@]+$/)),
  port: key('port', whole(1, MAX_PORT)),
  security: key('security', oneOf(MAIL_SECURITIES)),
  'ca-file': key('caFile', text('the path of a file with certificates')),
  user: key('user', text('the name of a user')),
  'password-file': key('passwordFile', text('the path of a file with the password')),
  from: key('from', mailAddress()),
  to: key(
    'to',
    list('addresses', mailAddress()).refine((to) => to.length > 0, 'expected at least one address'),
  ),
  timeout: key('timeoutMs', duration()),
});

const mail: z.ZodType<MailSettings> = mailKeys
  .refine(
    ({ server, from, to }) => server !== undefined && from !== undefined && to !== undefined,
    'expected "server", "from" and "to"',
  )
  .refine(
    ({ user, passwordFile }) => (user === undefined) === (passwordFile === undefined),
    'expected "user" and "password-file" together',
  )
  .refine(
    ({ user, security }) => user === undefined || security !== 'none',
    'expected no "user" with "security: none": the password would be readable on its way',
  )
  .transform(({ server = '', security = 'starttls', from = '', to = [], ...rest }) => ({
    server,
    port: rest.port ?? PORTS[security],
    security,
    caFile: rest.caFile ?? null,
    user: rest.user ?? null,
    passwordFile: rest.passwordFile ?? null,
    from,
    to,
    timeoutMs: rest.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  }));

const webhookKeys = section({
  url: key(
    'url',
    text('an address such as https://hooks.example/vpatch', /^https?:\/\/[^\s/]/).refine(
      (url) => URL.canParse(url),
      'expected an address such as https://hooks.example/vpatch',
    ),
  ),
  'header-file': key('headerFile', text('the path of a file with header lines')),
  timeout: key('timeoutMs', duration()),
});

const webhook: z.ZodType<WebhookSettings> = webhookKeys
  .refine(({ url }) => url !== undefined, 'expected "url"')
  .transform(({ url = '', headerFile = null, timeoutMs = DEFAULT_TIMEOUT_MS }) => ({ url, headerFile, timeoutMs }));

keysOfSection.set(mail, keysOfSection.get(mailKeys)!);
keysOfSection.set(webhook, keysOfSection.get(webhookKeys)!);

/** The block `notify` of the configuration. */
export const notifySchema: z.ZodType<Overrides<NotifySettings>> = section({
  what: key('kinds', distinct(list(NOTICE_KINDS.join(', '), oneOf(NOTICE_KINDS)))),
  severity: key('leastSevere', whole(1, MAX_SEVERITY)),
  digest: key('digestMs', duration()),
  'max-per-hour': key('maxPerHour', whole(1, MAX_PER_HOUR)),
  retries: key('retries', whole(0, MAX_RETRIES)),
  'max-waiting': key('maxWaiting', whole(1, MAX_WAITING)),
  mail: key('mail', mail),
  webhook: key('webhook', webhook),
});
