import { expect, test } from 'vitest';
import { checkInterfaces } from '../../src/service/interface-check.ts';
import { MachineError } from '../../src/service/machine-error.ts';

test('an ordinary interface is nothing to talk about', () => {
  expect(checkInterfaces(['eth0', 'jumbo0'], (name) => (name === 'eth0' ? 1500 : 9000))).toEqual([]);
  expect(checkInterfaces([])).toEqual([]);
});

test('an interface that is not there is a remark: it may come later', () => {
  const [remark] = checkInterfaces(['nope0'], () => null);
  expect(remark).toContain('nope0');
});

test('packets that a queue cannot show in full are refused, with the way out', () => {
  expect(() => checkInterfaces(['lo'], () => 65_536)).toThrow(MachineError);
  expect(() => checkInterfaces(['lo'], () => 65_536)).toThrow('ip link set dev lo mtu 65000');
  expect(checkInterfaces(['lo'], () => 65_000)).toEqual([]);
});

test('the kernel is asked', () => {
  expect(() => checkInterfaces(['lo'])).toThrow(/^lo sends packets of up to 65536 bytes/);
  expect(checkInterfaces(['vp-not-there'])).toHaveLength(1);
});
