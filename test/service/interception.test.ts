import { describe, expect, test } from 'vitest';
import { checkInterception, type Interception, interfacesAt, isByPorts } from '../../src/service/interception.ts';
import { INTERCEPTION } from '../support/interception.ts';

describe('what becomes part of a firewall command is checked', () => {
  test.each(['eth0', 'lo', 'br-1a2b', 'eth0.100', 'wg_vpn', 'enp0s31f6', 'a23456789012345'])('%j is a name', (name) => {
    expect(() => checkInterception({ ...INTERCEPTION, interfaces: [name] })).not.toThrow();
  });

  test.each([
    '',
    '-j',
    'eth0 -j ACCEPT',
    'eth0\n-A INPUT',
    'eth+',
    'eth*',
    'a"b',
    'a;b',
    '$(x)',
    '../x',
    '!lo',
    'a234567890123456',
  ])('%j is no name', (name) => {
    expect(() => checkInterception({ ...INTERCEPTION, interfaces: [name] })).toThrow(RangeError);
  });

  test.each([0, -1, 65536, 1.5, Number.NaN])('%d is no port', (port) => {
    expect(() => checkInterception({ ...INTERCEPTION, managementPorts: [port] })).toThrow(RangeError);
  });

  test('queue numbers have 16 bits, the last one too', () => {
    expect(() => checkInterception({ ...INTERCEPTION, firstQueue: 65534, queueCount: 2 })).not.toThrow();
    expect(() => checkInterception({ ...INTERCEPTION, firstQueue: 65534, queueCount: 3 })).toThrow(RangeError);
    expect(() => checkInterception({ ...INTERCEPTION, queueCount: 0 })).toThrow(RangeError);
  });

  test.each([0, 1, 0x20000000, 2 ** 31])('%d is a mark', (rejectMark) => {
    expect(() => checkInterception({ ...INTERCEPTION, rejectMark })).not.toThrow();
  });

  test('several queues can be chosen by ports, one needs no choice', () => {
    expect(isByPorts({ ...INTERCEPTION, balance: 'ports', queueCount: 2 })).toBe(true);
    expect(isByPorts({ ...INTERCEPTION, balance: 'ports', queueCount: 1 })).toBe(false);
    expect(isByPorts({ ...INTERCEPTION, balance: 'addresses', queueCount: 2 })).toBe(false);
  });

  test('two marks are two bits', () => {
    expect(() => checkInterception({ ...INTERCEPTION, rejectMark: 4, bypassMark: 8 })).not.toThrow();
    expect(() => checkInterception({ ...INTERCEPTION, rejectMark: 4, bypassMark: 4 })).toThrow('the same bit');
    expect(() => checkInterception({ ...INTERCEPTION, bypassMark: 3 })).toThrow(RangeError);
  });

  test.each([3, -1, 0.5, 2 ** 32, Number.NaN])('%d is not one bit of a mark', (rejectMark) => {
    expect(() => checkInterception({ ...INTERCEPTION, rejectMark })).toThrow(RangeError);
  });

  test('without a hook nothing would be inspected', () => {
    expect(() => checkInterception({ ...INTERCEPTION, hooks: [] })).toThrow(RangeError);
  });
});

test('a packet of loopback, which passes two hooks, is queued at one', () => {
  const both: Interception = { ...INTERCEPTION, hooks: ['input', 'output'], interfaces: ['lo', 'eth0'] };
  expect(interfacesAt('input', both)).toEqual(['lo', 'eth0']);
  expect(interfacesAt('output', both)).toEqual(['eth0']);
  expect(interfacesAt('output', { ...both, hooks: ['output'] })).toEqual(['lo', 'eth0']);
});
