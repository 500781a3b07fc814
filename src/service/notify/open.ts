import type { NotifySettings } from '../../config/notify-settings.ts';
import type { Logger } from '../../output/log.ts';
import type { Notice } from './notice.ts';
import type { Notifier } from './notifier.ts';

/** Null where nobody is to be told: then nothing of it is loaded. */
export async function openNotifier(settings: NotifySettings, log: Logger): Promise<Notifier | null> {
  if (settings.mail === null && settings.webhook === null) return null;
  const { Notifier } = await import('./notifier.ts');
  return new Notifier({ settings, log, now: Date.now });
}

/** A scheduled scan has another result than the one `before`; null: there was none. */
export const scanNotice = (result: string, before: string | null, timeMs: number): Notice => ({
  kind: 'scan',
  group: 'scan',
  title: 'A scan has a new result',
  details: [['now', result], ...(before === null ? [] : [['before', before] as const])],
  advice: '"vpatch scan" says what was found, "vpatch policy show" what is applied',
  count: 1,
  timeMs,
});

/** `what`: one line, as in the log. */
export const failureNotice = (what: string, timeMs: number): Notice => ({
  kind: 'failures',
  group: what,
  title: what,
  details: [],
  advice: '"vpatch status" says what is inspected now, the log of the service what happened',
  count: 1,
  timeMs,
});
