import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_VARIABLES } from '../../src/rules/environment.ts';
import { RuleFault } from '../../src/rules/fault.ts';
import { HeaderSets } from '../../src/rules/header-sets.ts';

const sets = new HeaderSets({
  addresses: { ...DEFAULT_VARIABLES.addresses, LOOP: '[1.1.1.1,$LOOP2]', LOOP2: '$LOOP', BROKEN: '[1.2.3.4,huh]' },
  ports: { ...DEFAULT_VARIABLES.ports, WEB: '[$HTTP_PORTS,8080]' },
});

const words = (text: string): Uint32Array =>
  text.includes(':')
    ? Uint32Array.from([0, 2, 4, 6], (i) => {
        const groups = text.split(':').map((group) => Number.parseInt(group, 16));
        return ((groups[i]! << 16) | groups[i + 1]!) >>> 0;
      })
    : Uint32Array.of(
        0,
        0,
        0,
        text.split('.').reduce((value, part) => value * 256 + Number(part), 0),
      );

const has = (expression: string, address: string): boolean =>
  sets.addresses({ text: expression, at: 0 }).contains(address.includes(':') ? 6 : 4, words(address));

describe('addresses', () => {
  test.each([
    ['any', '8.8.8.8', true],
    ['any', '2001:db8:0:0:0:0:0:1', true],
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.1.2.0/255.255.255.0', '10.1.2.77', true],
    ['10.1.2.0/255.255.255.0', '10.1.3.0', false],
    ['1.1.1.1-1.1.1.9', '1.1.1.9', true],
    ['1.1.1.1-1.1.1.9', '1.1.1.10', false],
    ['!10.0.0.0/8', '10.0.0.1', false],
    ['!10.0.0.0/8', '2001:db8:0:0:0:0:0:1', true],
    ['[10.0.0.0/8,!10.1.0.0/16]', '10.1.0.1', false],
    ['[10.0.0.0/8, ! 10.1.0.0/16 ]', '10.2.0.1', true],
    ['[10.0.0.0/8,![10.1.0.0/16,!10.1.1.1]]', '10.1.1.1', true],
    ['[10.0.0.0/8,![10.1.0.0/16,!10.1.1.1]]', '10.1.1.2', false],
    ['[[1.1.1.1,2.2.2.2],[3.3.3.3]]', '2.2.2.2', true],
    ['2001:db8::/32', '2001:db8:1:2:3:4:5:6', true],
    ['2001:db8::/32', '2001:db9:0:0:0:0:0:0', false],
    ['[::ffff:1.2.3.4,fe80::1]', 'fe80:0:0:0:0:0:0:1', true],
    ['$HOME_NET', '192.168.3.4', true],
    ['$EXTERNAL_NET', '192.168.3.4', false],
    ['$EXTERNAL_NET', '8.8.8.8', true],
    ['!$EXTERNAL_NET', '10.0.0.1', true],
    ['[$HOME_NET,!192.168.1.1]', '192.168.1.1', false],
  ])('%s and %s: %s', (expression, address, expected) => {
    expect(has(expression, address)).toBe(expected);
  });

  test('the same text gives the same set', () => {
    expect(sets.addresses({ text: '$HOME_NET', at: 5 })).toBe(sets.addresses({ text: '$HOME_NET', at: 90 }));
  });

  test('any is any', () => {
    expect(sets.addresses({ text: 'any', at: 0 }).isAny).toBe(true);
    expect(sets.addresses({ text: '[1.1.1.1,any]', at: 0 }).isAny).toBe(true);
    expect(sets.addresses({ text: '!1.1.1.1', at: 0 }).isAny).toBe(false);
  });

  test.each([
    ['$NOWHERE', 0, '$NOWHERE is not defined: there is no'],
    ['$HOME_NETT', 0, '$HOME_NETT is not defined: did you mean $HOME_NET?'],
    ['[1.1.1.1,$NOWHERE]', 9, '$NOWHERE is not defined'],
    ['[1.1.1.1,$LOOP]', 9, '$LOOP is defined by itself: LOOP -> LOOP2 -> LOOP'],
    ['[1.1.1.1,$BROKEN]', 9, '"huh" is neither'],
    ['1.2.3', 0, 'neither an address'],
    ['1.2.3.4/33', 0, 'neither an address'],
    ['1.2.3.9-1.2.3.1', 0, 'neither an address'],
    ['[1.1.1.1', 8, '"[" without "]"'],
    ['[]', 1, 'expected an address'],
    ['[1.1.1.1,]', 9, 'expected an address'],
    ['!!1.1.1.1', 1, '"!!" is not allowed'],
    ['!any', 0, 'no address at all'],
    ['1.1.1.1]', 7, 'unexpected "]"'],
    ['$', 0, '"$" without a name'],
    [`${'['.repeat(20)}1.1.1.1${']'.repeat(20)}`, 17, 'nested more than 16 deep'],
  ])('%s is refused at %d', (text, at, message) => {
    const fault = faultOf(() => sets.addresses({ text, at: 100 }));
    expect(fault.message).toContain(message);
    expect(fault.at).toBe(100 + at);
  });
});

describe('ports', () => {
  test.each([
    ['any', [[0, 65535]]],
    ['80', [[80, 80]]],
    ['1024:', [[1024, 65535]]],
    [':1023', [[0, 1023]]],
    [
      '[80,81,90:100]',
      [
        [80, 81],
        [90, 100],
      ],
    ],
    [
      '!80',
      [
        [0, 79],
        [81, 65535],
      ],
    ],
    [
      '[1:10,![3,5:6]]',
      [
        [1, 2],
        [4, 4],
        [7, 10],
      ],
    ],
    [
      '$WEB',
      [
        [80, 80],
        [8080, 8080],
      ],
    ],
    [
      '$FILE_DATA_PORTS',
      [
        [80, 80],
        [110, 110],
        [143, 143],
      ],
    ],
    [
      '$SHELLCODE_PORTS',
      [
        [0, 79],
        [81, 65535],
      ],
    ],
    ['[$HTTP_PORTS,!80]', null],
  ])('%s', (text, ranges) => {
    if (ranges === null) expect(faultOf(() => sets.ports({ text, at: 0 })).message).toContain('no port at all');
    else expect(sets.ports({ text, at: 0 }).ranges).toEqual(ranges);
  });

  test.each(['65536', 'http', '9:1', '1:2:3', '-1', ':', ''])('"%s" is refused', (text) => {
    expect(faultOf(() => sets.ports({ text, at: 0 }))).toBeInstanceOf(RuleFault);
  });

  test('a list has the ports that its items say, negated ones excepted', () => {
    const range = fc.tuple(fc.nat(300), fc.nat(40), fc.boolean()).map(([first, more, isNegated]) => ({
      first,
      last: first + more,
      isNegated,
    }));
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 6 }), (items) => {
        const text = `[${items.map(({ first, last, isNegated }) => `${isNegated ? '!' : ''}${first}:${last}`).join(',')}]`;
        const covers = (port: number) => (item: { first: number; last: number }) =>
          port >= item.first && port <= item.last;
        const added = items.filter((item) => !item.isNegated);
        const removed = items.filter((item) => item.isNegated);
        const expected = (port: number) =>
          (added.length === 0 || added.some(covers(port))) && !removed.some(covers(port));
        const members = Array.from({ length: 400 }, (_, port) => port).filter(expected);
        if (members.length === 0) return;
        const set = sets.ports({ text, at: 0 });
        expect(Array.from({ length: 400 }, (_, port) => port).filter((port) => set.contains(port))).toEqual(members);
      }),
    );
  });
});

function faultOf(act: () => unknown): RuleFault {
  try {
    act();
  } catch (error) {
    if (error instanceof RuleFault) return error;
    throw error;
  }
  throw new Error('it was accepted');
}
