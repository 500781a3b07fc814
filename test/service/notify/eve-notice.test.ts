import { expect, test } from 'vitest';
import { EveLine } from '../../../src/output/eve-lines.ts';
import { type EveNotice, eveNotice } from '../../../src/service/notify/eve-notice.ts';

const ALERT = {
  timestamp: '2026-11-22T10:00:00.000000+0000',
  flow_id: 77,
  event_type: 'alert',
  src_ip: '192.0.2.1',
  src_port: 4000,
  dest_ip: '2001:db8::1',
  dest_port: 80,
  proto: 'TCP',
  app_proto: 'http',
  alert: { action: 'blocked', gid: 1, signature_id: 9000001, rev: 1, signature: 'Log4Shell', severity: 1 },
  vpatch: { mode: 'prevent', cve: ['CVE-2021-44228'] },
};
const DROP = {
  timestamp: ALERT.timestamp,
  event_type: 'drop',
  src_ip: '192.0.2.1',
  dest_ip: '192.0.2.2',
  proto: 'ICMP',
  drop: { len: 40, reason: 'stream error' },
  vpatch: { mode: 'prevent', check: 'stream.rst_invalid_ack' },
};
const noticeOf = (event: object): EveNotice | null => eveNotice(new EveLine(JSON.stringify(event)));

test('a blocked alert says who did what to whom, by which rule, and what to do', () => {
  expect(noticeOf(ALERT)).toEqual({
    kind: 'blocks',
    severity: 1,
    group: '1:9000001 blocked 192.0.2.1',
    title: 'Blocked: Log4Shell',
    details: [
      ['rule', '1:9000001'],
      ['severity', '1'],
      ['CVE', 'CVE-2021-44228'],
      ['mode', 'prevent'],
      ['source', '192.0.2.1:4000'],
      ['destination', '[2001:db8::1]:80'],
      ['protocol', 'TCP, http'],
    ],
    advice: '"vpatch explain 77" says why. If it was harmless, "vpatch except add" lets it pass',
    count: 1,
    timeMs: Date.UTC(2026, 10, 22, 10),
  });
});

test('an alert that blocked nothing is a detection', () => {
  const notice = noticeOf({ ...ALERT, alert: { ...ALERT.alert, action: 'allowed' } });
  expect(notice).toMatchObject({ kind: 'detections', title: 'Detected: Log4Shell' });
  expect(notice?.advice).toContain('vpatch mode prevent');
});

test('a folded line counts for what it stands for', () => {
  const folded = { events: 40, since: ALERT.timestamp, several_sources: true };
  const notice = noticeOf({ ...ALERT, vpatch: { ...ALERT.vpatch, folded } });
  expect(notice).toMatchObject({ count: 40, group: '1:9000001 blocked several sources' });
  expect(notice?.details).toContainEqual(['source', 'several sources']);
});

test('a packet that a check dropped is a block, one that a rule dropped is told by its alert', () => {
  expect(noticeOf(DROP)).toMatchObject({ kind: 'blocks', severity: 3, title: 'Blocked: check stream.rst_invalid_ack' });
  expect(noticeOf({ ...DROP, vpatch: { mode: 'prevent', gid: 1, signature_id: 5 } })).toBeNull();
});

test('other events are none of ours', () => {
  expect(noticeOf({ ...ALERT, event_type: 'http' })).toBeNull();
  expect(eveNotice(new EveLine(''))).toBeNull();
});

test('a long message is cut', () => {
  const notice = noticeOf({ ...ALERT, alert: { ...ALERT.alert, signature: 'x'.repeat(5000) } });
  expect(notice?.title.length).toBeLessThan(400);
});
