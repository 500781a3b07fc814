import type { Config } from '../config/config.ts';
import type { Ruleset } from '../detect/ruleset.ts';
import type { EventSink } from '../output/event.ts';
import { Pipeline } from '../pipeline.ts';
import { REHEARSED_CONNECTIONS, rehearse } from './rehearsal.ts';

/**
 * Has a pipeline of its own judge short conversations by these rules. Throws what inspection throws, which would be
 * our own mistake: better before the rules are in use than behind it.
 */
export function selfTest(ruleset: Ruleset, config: Config): void {
  const pipeline = new Pipeline({
    config,
    mode: 'prevent',
    ruleset,
    sink: DEAF,
    seed: [1, 2],
    midstreamUntilMs: Number.POSITIVE_INFINITY,
  });
  rehearse(pipeline);
  if (pipeline.counters.get('flow.total') !== REHEARSED_CONNECTIONS) throw new Error('the self-test was not followed');
}

/** Nobody listens: it is only a test. */
const DEAF: EventSink = { alert() {}, anomaly() {}, drop() {}, stats() {} };
