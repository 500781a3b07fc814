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
