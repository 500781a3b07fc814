import { TLS_STATE } from '../../app/tls/transaction.ts';
import { isTls13, VERSION } from '../../app/tls/versions.ts';
import { u16 } from '../../base/bytes.ts';
import { addBufferTest } from '../buffer-test.ts';
import { ContentDraft } from '../content-draft.ts';
import { defineKeyword } from '../keyword.ts';
import type { Inspected } from '../rule.ts';
import { isInRange, nothing, type OptionValue, quotedOrPlain, uintRange, word } from '../values.ts';

const MAX_CHAIN_CERTIFICATES = 0xffff_ffff;

const version = defineKeyword({
  name: 'tls.version',
  summary: 'Version of the hello: 1.0 to 1.3, or as on the wire',
  example: 'tls.version:1.2;',
  parse: (value) => {
    const text = word(value);
    if (/^0x[0-9a-f]{1,4}$/i.test(text)) return { number: Number(text), isExact: true };
    const number =
      TLS_VERSIONS.get(text) ?? value.fail(`"${text}" is no version: ${[...TLS_VERSIONS.keys()].join(' ')}`);
    return { number, isExact: false };
  },
  compile: ({ number, isExact }, draft) =>
    addBufferTest(draft, 'tls.version', ({ bytes, start }) => {
      const actual = u16(bytes, start);
      return (isExact ? actual : generalized(actual)) === number;
    }),
});

const sslVersion = defineKeyword({
  name: 'ssl_version',
  summary: 'Versions of the hello, one of them or (!) none of them: sslv2 sslv3 tls1.0 tls1.1 tls1.2 tls1.3',
  example: 'ssl_version:sslv3,tls1.0;',
  parse: (value) => parseSet(value, (name) => SSL_VERSIONS.get(name), [...SSL_VERSIONS.keys()]),
  compile: ({ wanted, unwanted }, draft) =>
    addBufferTest(draft, 'tls.version', ({ bytes, start }) => {
      const actual = generalized(u16(bytes, start));
      return wanted.has(actual) || (wanted.size === 0 && !unwanted.has(actual));
    }),
});

const sslState = defineKeyword({
  name: 'ssl_state',
  summary: 'Handshake messages: one of them was sent, or (!) another one came last',
  example: 'ssl_state:client_hello;',
  parse: (value) => {
    const states: Readonly<Record<string, number>> = { ...TLS_STATE, unknown: 0 };
    return parseSet(value, (name) => states[name], Object.keys(states));
  },
  compile: ({ wanted, unwanted }, draft) =>
    addBufferTest(draft, 'ssl_state', ({ bytes, start, end }) => {
      if (end === start) return false;
      if (unwanted.size > 0 && !unwanted.has(bytes[end - 1]!)) return true;
      for (let at = start; at < end; at++) if (wanted.has(bytes[at]!)) return true;
      return false;
    }),
});

const chainLength = defineKeyword({
  name: 'tls.cert_chain_len',
  summary: 'How many certificates the server sent',
  example: 'tls.cert_chain_len:>3;',
  parse: uintRange({ max: MAX_CHAIN_CERTIFICATES }),
  compile: (range, draft) =>
    addBufferTest(draft, 'tls.cert_chain_len', ({ bytes, start }) => isInRange(range, u16(bytes, start))),
});

const subject = oldKeyword('tls.subject', 'tls.cert_subject', 'The subject of the certificate contains this');
const issuer = oldKeyword('tls.issuerdn', 'tls.cert_issuer', 'The issuer of the certificate contains this');
const fingerprint = defineKeyword({
  name: 'tls.fingerprint',
  summary: 'The SHA-1 of the certificate is this',
  example: 'tls.fingerprint:"4a:a3:66:76:82:cb:6b:23:bb:c3:58:47:23:a4:63:a7:78:a4:a1:18";',
  parse: quotedOrPlain,
  compile: ({ text, isNegated, at }, draft) => {
    const content = new ContentDraft(Uint8Array.from(Buffer.from(text, 'utf8')), isNegated, at);
    content.isCaseless = true;
    content.isAtStart = true;
    content.isAtEnd = true;
    draft.addStep(content, draft.inspection(draft.chooseBuffer('tls.cert_fingerprint')));
  },
});

const notBefore = dateKeyword('tls_cert_notbefore', 'The certificate is valid from this time on (UTC)', 0);
const notAfter = dateKeyword('tls_cert_notafter', 'The certificate is valid until this time (UTC)', 1);

const expired = validityKeyword(
  'tls_cert_expired',
  'The certificate was no longer valid when the packet came',
  (_notBefore, notAfterMs, nowMs) => notAfterMs < nowMs,
);
const valid = validityKeyword(
  'tls_cert_valid',
  'The certificate was valid when the packet came',
  (notBeforeMs, notAfterMs, nowMs) => notBeforeMs <= nowMs && nowMs <= notAfterMs,
);

const store = defineKeyword({
  name: 'tls.store',
  summary: 'Taken for compatibility: Suricata writes the certificate to disk, vpatch does not',
  difference: 'Nothing is stored',
  example: 'tls.store;',
  parse: nothing,
  compile: (_, draft) => {
    draft.chooseBuffer('tls.certs');
    draft.warn('certificates are not stored: the rule alerts as it would without tls.store', 'not-stored');
  },
});

export const tlsKeywords = [
  version,
  sslVersion,
  sslState,
  subject,
  issuer,
  fingerprint,
  chainLength,
  notBefore,
  notAfter,
  expired,
  valid,
  store,
];

const TLS_VERSIONS: ReadonlyMap<string, number> = new Map<string, number>([
  ['1.0', VERSION.tls10],
  ['1.1', VERSION.tls11],
  ['1.2', VERSION.tls12],
  ['1.3', VERSION.tls13],
]);

const SSL_VERSIONS: ReadonlyMap<string, number> = new Map<string, number>([
  ['sslv2', VERSION.ssl2],
  ['sslv3', VERSION.ssl3],
  ...[...TLS_VERSIONS].map(([name, number]) => [`tls${name}`, number] as const),
]);

/** Drafts count as what they became. */
const generalized = (number: number): number => (isTls13(number) ? VERSION.tls13 : number);

/** Names between commas or bars, each with `!` or without. */
function parseSet(value: OptionValue, numberOf: (name: string) => number | undefined, known: readonly string[]) {
  const wanted = new Set<number>();
  const unwanted = new Set<number>();
  for (const item of word(value).split(/[,|]/)) {
    const [, mark, name = ''] = /^\s*(!?)\s*(.*?)\s*$/.exec(item)!;
    const number = numberOf(name.toLowerCase()) ?? value.fail(`"${name}" is none of ${known.join(' ')}`);
    (mark === '' ? wanted : unwanted).add(number);
  }
  return { wanted, unwanted };
}

/** Keywords from before sticky buffers: the text is looked for in one. */
function oldKeyword(name: string, buffer: string, summary: string) {
  return defineKeyword({
    name,
    summary,
    example: `${name}:"CN=example.com";`,
    parse: quotedOrPlain,
    compile: ({ text, isNegated, at }, draft) => {
      const content = new ContentDraft(Uint8Array.from(Buffer.from(text, 'utf8')), isNegated, at);
      draft.addStep(content, draft.inspection(draft.chooseBuffer(buffer)));
    },
  });
}

/** The dates of the certificate's buffer. */
const datesOf = ({ bytes, start, end }: Inspected): Float64Array => new Float64Array(bytes.slice(start, end).buffer);

function dateKeyword(name: string, summary: string, index: 0 | 1) {
  return defineKeyword({
    name,
    summary,
    example: `${name}:>2024-05;`,
    parse: (value) => {
      const match = /^\s*([<>])?\s*([\d-]+(?:[ T][\d:]+)?)\s*(?:<>\s*([\d-]+(?:[ T][\d:]+)?))?\s*$/.exec(word(value));
      if (match === null || (match[1] !== undefined && match[3] !== undefined)) {
        return value.fail(`${name} takes a time such as 2024-05-01T12:00, with < or >, or two with <> between them`);
      }
      const first = parseDate(value, match[2]!);
      if (match[3] !== undefined) return { afterMs: first, beforeMs: parseDate(value, match[3]) };
      if (match[1] === '<') return { afterMs: Number.NEGATIVE_INFINITY, beforeMs: first };
      if (match[1] === '>') return { afterMs: first, beforeMs: Number.POSITIVE_INFINITY };
      return { afterMs: first - 1, beforeMs: first + 1 };
    },
    compile: ({ afterMs, beforeMs }, draft) =>
      addBufferTest(draft, 'tls.cert_validity', (input) => {
        const dateMs = datesOf(input)[index]!;
        return dateMs > afterMs && dateMs < beforeMs;
      }),
  });
}

/** `2024`, `2024-05`, `2024-05-01`, and with a time of day behind a blank or T. */
function parseDate(value: OptionValue, text: string): number {
  const match = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:[ T](\d\d)(?::(\d\d))?(?::(\d\d))?)?$/.exec(text);
  if (match === null) return value.fail(`"${text}" is no time such as 2024-05-01T12:00:00`);
  const [, year, month = '01', day = '01', hour = '00', minute = '00', second = '00'] = match;
  const timeMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(timeMs) ? value.fail(`"${text}" is no time`) : timeMs;
}

/** Compares with the packet's own time, which its test notes: a rule's tests are asked before its steps. */
function validityKeyword(
  name: string,
  summary: string,
  holds: (notBeforeMs: number, notAfterMs: number, nowMs: number) => boolean,
) {
  return defineKeyword({
    name,
    summary,
    example: `${name};`,
    parse: nothing,
    compile: (_, draft) => {
      let nowMs = 0;
      draft.testPacket((packet) => {
        nowMs = packet.timeMs;
        return true;
      });
      addBufferTest(draft, 'tls.cert_validity', (input) => {
        const dates = datesOf(input);
        return holds(dates[0]!, dates[1]!, nowMs);
      });
    },
  });
}
