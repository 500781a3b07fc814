import { VERDICT } from '../capture/source.ts';
import type { VerdictSettings } from '../verdict/judge.ts';
import type { Config, Mode } from './config.ts';

/** How packets are judged, as the configuration has it. */
export function verdictSettings({ failure, stream, rules }: Config, mode: Mode): VerdictSettings {
  const onLimit = failure.limits === 'open' ? VERDICT.accept : VERDICT.drop;
  const { midstreamPolicy } = stream;
  const drops = midstreamPolicy === 'drop' || (midstreamPolicy === 'auto' && onLimit === VERDICT.drop);
  const onUnknownConnection = drops ? VERDICT.drop : VERDICT.accept;
  const onStrayEnd = stream.strayEnds === 'drop' ? VERDICT.drop : VERDICT.accept;
  return { mode, onLimit, onUnknownConnection, onStrayEnd, maxAlertsPerPacket: rules.maxAlertsPerPacket };
}
