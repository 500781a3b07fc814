import { type AppEventInfo, drop, report } from '../events.ts';

/** Deviations of Redis connections. */
export const REDIS_EVENTS = {
  'redis.protocol_error': drop('a command breaks the framing, at which Redis closes the connection'),
  'redis.script_too_long': drop('a script is longer than what is kept of a command'),
  'redis.gap': report('bytes of commands were not seen'),
} as const satisfies Record<string, AppEventInfo>;

export type RedisEvent = keyof typeof REDIS_EVENTS;
