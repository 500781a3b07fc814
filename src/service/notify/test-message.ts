import { hostname } from 'node:os';
import type { NotifySettings } from '../../config/notify-settings.ts';
import type { Notice } from './notice.ts';
import { renderMessage } from './render.ts';
import { DeliveryError } from './transport.ts';
import { transportsOf } from './transports.ts';

export interface TestOutcome {
  /** Of the transport. */
  readonly name: string;
  readonly isTaken: boolean;
  /** What the server said, or why it could not be asked. */
  readonly answer: string;
}

/** One attempt by every transport, whatever kinds of notices are wanted. */
export function sendTest(settings: NotifySettings, timeMs: number): Promise<readonly TestOutcome[]> {
  const groups = [{ notice: testNotice(timeMs), count: 1, firstMs: timeMs, lastMs: timeMs }];
  const message = renderMessage({ timeMs, groups, leftOutEvents: 0 }, { host: hostname(), lostMessages: 0 });
  return Promise.all(
    transportsOf(settings).map(async (transport) => {
      try {
        const answer = await transport.send(message, new AbortController().signal);
        return { name: transport.name, isTaken: true, answer };
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error;
        return { name: transport.name, isTaken: false, answer: error.message };
      }
    }),
  );
}

const testNotice = (timeMs: number): Notice => ({
  kind: 'failures',
  group: 'test',
  title: 'This is a test',
  details: [],
  advice: 'Somebody ran "vpatch notify test": nothing is wrong',
  count: 1,
  timeMs,
});
