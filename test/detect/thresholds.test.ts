import { describe, expect, test } from 'vitest';
import { Thresholds } from '../../src/detect/thresholds.ts';
import { TrackTable } from '../../src/detect/track-table.ts';
import { ruleEnvironment } from '../../src/rules/environment.ts';
import { parseThresholdConfig } from '../../src/rules/threshold-config.ts';
import { Packet } from '../../src/wire/packet.ts';
import { compileText } from '../rules/support.ts';

const VARIABLES = { addresses: { SERVERS: '[192.0.2.0/24]' }, ports: {} };

function packetOf(source: number, timeMs: number, destination = 1): Packet {
  const packet = new Packet();
  packet.ipVersion = 4;
  packet.source[3] = source;
  packet.destination[3] = destination;
  packet.timeMs = timeMs;
  return packet;
}

/** What becomes of matches of the rule at these seconds: told of, silent, or none at all. */
function passagesOf(options: string, config: string, seconds: readonly number[], source = 7): string {
  const thresholds = new Thresholds(TrackTable.own([1, 2]));
  const environment = { ...ruleEnvironment(), thresholds: parseThresholdConfig(config, VARIABLES).config };
  const rule = compileText(`alert ip any any -> any any (${options} sid:5;)`, environment).rules[0]!;
  return seconds
    .map((second) => {
      const passage = thresholds.weigh(rule, packetOf(source, second * 1000));
      return thresholds.newAction ?? passage;
    })
    .join(' ');
}

describe('a rule that matches again and again is told of', () => {
  test.each([
    ['threshold:type limit,track by_src,count 2,seconds 10;', [0, 1, 2, 10, 10.5], 'full full silent silent full'],
    // The clock is set back: a little is no new window, more is one.
    [
      'threshold:type limit,track by_src,count 1,seconds 10;',
      [5000, 4995, 1400, 1405, 1411],
      'full silent full silent full',
    ],
    ['threshold:type threshold,track by_src,count 2,seconds 10;', [0, 1, 2, 3, 4], 'none full none full none'],
    ['threshold:type threshold,track by_src,count 1,seconds 10;', [0, 1], 'full full'],
    ['threshold:type both,track by_src,count 2,seconds 10;', [0, 1, 2, 11, 12], 'none full silent none full'],
    ['detection_filter:track by_src,count 2,seconds 10;', [0, 1, 2, 3, 30, 31], 'none none full full none none'],
  ])('%s', (options, seconds, expected) => {
    expect(passagesOf(options, '', seconds)).toBe(expected);
  });

  test.each([
    ['event_filter gen_id 1, sig_id 5, type limit, track by_rule, count 1, seconds 9', 'full silent silent'],
    ['threshold gen_id 1, sig_id 0, type threshold, track by_dst, count 3, seconds 9', 'none none full'],
    ['event_filter gen_id 0, sig_id 0, type limit, track by_both, \\\ncount 1, seconds 9', 'full silent silent'],
    ['event_filter gen_id 2, sig_id 0, type limit, track by_src, count 1, seconds 9', 'full full full'],
    ['rate_filter gen_id 1, sig_id 5, track by_src, count 1, seconds 9, new_action drop, timeout 9', 'full drop drop'],
    ['suppress gen_id 1, sig_id 5', 'silent silent silent'],
    ['suppress gen_id 1, sig_id 5, track by_src, ip 0.0.0.7', 'silent silent silent'],
    ['suppress gen_id 1, sig_id 5, track by_dst, ip 0.0.0.7', 'full full full'],
    ['suppress gen_id 1, sig_id 5, track by_either, ip 0.0.0.0/24,!0.0.0.7', 'silent silent silent'],
    ['suppress gen_id 1, sig_id 5, track by_src, ip $SERVERS', 'full full full'],
  ])('%s', (config, expected) => {
    expect(passagesOf('', config, [0, 1, 2])).toBe(expected);
  });

  test('a rate filter acts until its time is over', () => {
    const filter = 'rate_filter gen_id 1, sig_id 5, track by_src, count 1, seconds 2, new_action pass, timeout 5';
    expect(passagesOf('', filter, [0, 1, 5.9, 6.9])).toBe('full pass pass pass');
    expect(passagesOf('', filter, [0, 1, 7, 8, 9])).toBe('full pass full full pass');
  });

  test('a rule has one threshold at most', () => {
    const rate = 'rate_filter gen_id 1, sig_id 5, track by_src, count 1, seconds 9, new_action drop, timeout 9';
    const limit = 'event_filter gen_id 1, sig_id 5, type limit, track by_src, count 1, seconds 9';
    const forAll = (count: number) =>
      `event_filter gen_id 0, sig_id 0, type limit, track by_src, count ${count}, seconds 9`;
    expect(passagesOf('threshold:type limit,track by_src,count 1,seconds 9;', rate, [0, 1])).toBe('full silent');
    expect(passagesOf('', `${rate}\n${limit}`, [0, 1])).toBe('full silent');
    expect(passagesOf('', `${limit}\n${rate}`, [0, 1])).toBe('full silent');
    expect(passagesOf('', `${forAll(1)}\n${forAll(2)}`, [0, 1, 2])).toBe('full silent silent');
  });

  test('what the file says of exactly this rule comes before what the rule says itself', () => {
    const own = 'threshold:type limit,track by_src,count 1,seconds 9;';
    const filter = (sid: number) =>
      `event_filter gen_id 1, sig_id ${sid}, type limit, track by_src, count 2, seconds 9`;
    expect(passagesOf(own, filter(5), [0, 1, 2])).toBe('full full silent');
    expect(passagesOf(own, filter(0), [0, 1, 2])).toBe('full silent silent');
  });

  test('counts apart for each host', () => {
    const thresholds = new Thresholds(TrackTable.own([1, 2]));
    const options = 'threshold:type limit,track by_src,count 1,seconds 9;';
    const rule = compileText(`alert ip any any -> any any (${options} sid:5;)`).rules[0]!;
    expect([7, 8, 7].map((source) => thresholds.weigh(rule, packetOf(source, 0)))).toEqual(['full', 'full', 'silent']);
  });
});

test('workers that share a table count together', () => {
  const memory = TrackTable.sharedMemory();
  const workers = [0, 1].map((worker) => new Thresholds(TrackTable.shared(memory, worker)));
  const options = 'detection_filter:track by_src,count 3,seconds 9;';
  const rule = compileText(`alert ip any any -> any any (${options} sid:5;)`).rules[0]!;
  const passages = [0, 1, 2, 3, 4].map((n) => workers[n % 2]!.weigh(rule, packetOf(7, 0)));
  expect(passages).toEqual(['none', 'none', 'none', 'full', 'full']);
});

describe('a line of threshold.config that cannot be read', () => {
  test.each([
    ['limit gen_id 1', 'expected event_filter, threshold, rate_filter or suppress'],
    ['suppress gen_id x, sig_id 1', 'gen_id and sig_id are numbers; 0 is all'],
    ['suppress gen_id 1, sig_id 1, track by_rule, ip 192.0.2.1', '"by_rule" is none of by_src, by_dst, by_either'],
    ['suppress gen_id 1, sig_id 1, track by_src, ip $NOBODY', 'NOBODY'],
    ['rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action log, timeout 1', '"log" is none of'],
  ])('%s', (line, message) => {
    const { problems } = parseThresholdConfig(`# a comment\n\n${line}\nsuppress gen_id 1, sig_id 2`, VARIABLES);
    expect(problems).toEqual([{ line: 3, message: expect.stringContaining(message) }]);
  });
});
