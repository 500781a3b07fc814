import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DEFAULTS } from '../../../src/config/config.ts';
import type { NotifySettings } from '../../../src/config/notify-settings.ts';
import { Notifier } from '../../../src/service/notify/notifier.ts';
import { failureNotice, openNotifier } from '../../../src/service/notify/open.ts';
import type { Rendered } from '../../../src/service/notify/transport.ts';
import { alertLine, eveLines } from '../../support/eve-lines.ts';

const MINUTE_MS = 60_000;
const SILENT = pino({ level: 'silent' });

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

function setUp(settings: Partial<NotifySettings> = {}, send = async (): Promise<string> => 'taken') {
  const sent: Rendered[] = [];
  const transport = {
    name: 'test',
    send(message: Rendered): Promise<string> {
      sent.push(message);
      return send();
    },
  };
  const notifier = new Notifier({
    settings: { ...DEFAULTS.notify, ...settings },
    log: SILENT,
    now: Date.now,
    transports: [transport],
    host: 'web1',
  });
  return { notifier, sent };
}

const alert = (action: 'allowed' | 'blocked', severity: number, source = '192.0.2.1'): string =>
  alertLine({
    time: new Date().toISOString(),
    source,
    alert: { action, gid: 1, signature_id: severity, signature: `severity ${severity}`, severity },
  });

const titlesOf = ({ data }: Rendered): string[] => (data.notices as { title: string }[]).map(({ title }) => title);

test('tells blocks of enough severity, by rule and source, when the digest is due', () => {
  const { notifier, sent } = setUp();
  notifier.read(eveLines(alert('blocked', 1), alert('blocked', 1), alert('blocked', 3), alert('allowed', 1)));
  notifier.read(eveLines(alert('blocked', 2), alert('blocked', 1, '192.0.2.9')));
  vi.advanceTimersByTime(5 * MINUTE_MS);
  expect(sent).toHaveLength(1);
  expect(titlesOf(sent[0]!)).toEqual(['Blocked: severity 1', 'Blocked: severity 2', 'Blocked: severity 1']);
  expect(sent[0]!.text).toContain('count: 2');
});

test('tells detections where that is wanted, and at once', () => {
  const { notifier, sent } = setUp({ kinds: ['detections'], digestMs: 0, leastSevere: 255 });
  notifier.read(eveLines(alert('allowed', 3), alert('blocked', 1)));
  vi.advanceTimersByTime(2_000);
  expect(sent.map(titlesOf)).toEqual([['Detected: severity 3']]);
});

test('tells failures at once, also when attacks have used up their messages', async () => {
  const { notifier, sent } = setUp({ maxPerHour: 1, digestMs: 0 });
  notifier.read(eveLines(alert('blocked', 1)));
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  notifier.read(eveLines(alert('blocked', 1)));
  notifier.notify(failureNotice('queue 0 has no worker', Date.now()));
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(sent.map(titlesOf)).toEqual([['Blocked: severity 1'], ['queue 0 has no worker']]);
});

test('does not tell what nobody wants to know', () => {
  const { notifier, sent } = setUp({ kinds: ['blocks'] });
  notifier.notify(failureNotice('queue 0 has no worker', Date.now()));
  vi.advanceTimersByTime(MINUTE_MS);
  expect(sent).toEqual([]);
});

test('sends what was gathered before it ends', async () => {
  const { notifier, sent } = setUp();
  notifier.read(eveLines(alert('blocked', 1)));
  await notifier.close();
  expect(sent.map(titlesOf)).toEqual([['Blocked: severity 1']]);
});

test('ends although a server does not answer', async () => {
  const { notifier } = setUp({}, () => new Promise(() => {}));
  notifier.read(eveLines(alert('blocked', 1)));
  const closed = vi.fn();
  notifier.close().then(closed);
  await vi.advanceTimersByTimeAsync(2_999);
  expect(closed).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(closed).toHaveBeenCalled();
});

test('is not there where nobody is to be told', async () => {
  expect(await openNotifier(DEFAULTS.notify, SILENT)).toBeNull();
});
