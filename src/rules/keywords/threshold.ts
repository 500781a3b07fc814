import { defineKeyword } from '../keyword.ts';
import { parseAmount, parsePairs, parseTrack, type Threshold, type ThresholdType } from '../threshold.ts';
import type { OptionValue } from '../values.ts';

const MILLISECONDS = 1000;
const TYPES: readonly ThresholdType[] = ['limit', 'threshold', 'both'];

const threshold = defineKeyword({
  name: 'threshold',
  summary:
    'How often it alerts: type limit (the first N), threshold (each Nth) or both (once at N), in a time, for a host',
  example: 'threshold:type limit,track by_src,count 1,seconds 60;',
  parse: (value) => {
    const { type, ...rest } = pairsOf(value, ['type', 'track', 'count', 'seconds']);
    const known = TYPES.find((candidate) => candidate === type);
    return thresholdOf(value, known ?? value.fail(`"${type}" is none of ${TYPES.join(', ')}`), rest);
  },
  compile: (argument, draft) => {
    if (draft.thresholds.length > 0) draft.fail('a rule can have one threshold or detection_filter');
    draft.thresholds.push(argument);
  },
});

const detectionFilter = defineKeyword({
  name: 'detection_filter',
  summary: 'Matches only beyond so many times within so many seconds for a host; it then alerts and acts each time',
  example: 'detection_filter:track by_src,count 10,seconds 60;',
  parse: (value) => thresholdOf(value, 'detection_filter', pairsOf(value, ['track', 'count', 'seconds'])),
  compile: (argument, draft) => {
    if (draft.thresholds.length > 0) draft.fail('a rule can have one threshold or detection_filter');
    draft.thresholds.push(argument);
  },
});

export const thresholdKeywords = [threshold, detectionFilter];

const pairsOf = (value: OptionValue, names: readonly string[]): Readonly<Record<string, string>> =>
  parsePairs(value.text, names, (message) => value.fail(message));

function thresholdOf(
  value: OptionValue,
  type: ThresholdType,
  { track = '', count = '', seconds = '' }: Readonly<Record<string, string>>,
): Threshold {
  const fail = (message: string): never => value.fail(message);
  return {
    type,
    track: parseTrack(track, fail),
    count: parseAmount('count', count, fail),
    windowMs: parseAmount('seconds', seconds, fail) * MILLISECONDS,
    newAction: 'alert',
    timeoutMs: 0,
  };
}
