/**
 * What detection says of its own rules, each time with the rule: traffic made it use up what holding it against one
 * packet may cost; that happened again and again, so that it is not tried for a minute. Counters are named the same.
 */
export const DETECT_EVENTS = ['detect.rule_exhausted', 'detect.rule_parked'] as const;
export type DetectEvent = (typeof DETECT_EVENTS)[number];
