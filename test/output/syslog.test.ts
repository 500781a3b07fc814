import { expect, test } from 'vitest';
import { EveLine } from '../../src/output/eve-lines.ts';
import { type SyslogSettings, syslogMessage } from '../../src/output/syslog.ts';

const SETTINGS: SyslogSettings = { format: 'rfc5424', facility: 'local5', hostname: 'web1', pid: 42 };
const ALERT =
  '{"timestamp":"2026-11-02T10:00:00.000123+0000","event_type":"alert","alert":{"signature":"x","severity":1}}';
const STATS = '{"timestamp":"2026-11-22T10:00:00.000000+0000","event_type":"stats"}';

test('RFC 5424: priority, time of the event, host, program, process and type', () => {
  expect(syslogMessage(new EveLine(ALERT), SETTINGS)).toBe(
    `<170>1 2026-11-02T10:00:00.000123Z web1 vpatch 42 alert - ${ALERT}`,
  );
});

test('the form of syslog(3), in the time zone of this host', () => {
  const local = new Date('2026-11-02T10:00:00Z');
  const hours = String(local.getHours()).padStart(2, '0');
  const minutes = String(local.getMinutes()).padStart(2, '0');
  expect(syslogMessage(new EveLine(ALERT), { ...SETTINGS, format: 'local', facility: 'daemon' })).toBe(
    `<26>Nov  ${local.getDate()} ${hours}:${minutes}:00 vpatch[42]: ${ALERT}`,
  );
});

test.each([
  [170, ALERT],
  [172, ALERT.replace('"severity":1', '"severity":2')],
  [172, ALERT.replace('"severity":1', '"severity":10')],
  [173, STATS.replace('stats', 'drop')],
  [173, STATS.replace('stats', 'anomaly')],
  [174, STATS],
])('priority %i for %s', (priority, text) => {
  expect(syslogMessage(new EveLine(text), SETTINGS)).toMatch(new RegExp(`^<${priority}>1 `));
});
