import { describe, expect, test } from 'vitest';
import { checkInterception, type Interception, interfacesAt, isByPorts } from '../../src/service/interception.ts';

const valid: Interception = {
  firstQueue: 0,
  queueCount: 1,
  hooks: ['input'],
  interfaces: [],
  managementPorts: [],
  failure: 'open',
  rejectMark: 0,
  bypassMark: 0,
  balance: 'addresses',
};

describe('what becomes part of a firewall command is checked', () => {
  test.each(['eth0', 'lo', 'br-1a2b', 'eth0.100', 'wg_vpn', 'enp0s31f6', 'a23456789012345'])('%j is a name', (name) => {
    expect(() => checkInterception({ ...valid, interfaces: [name] })).not.toThrow();
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
    expect(() => checkInterception({ ...valid, interfaces: [name] })).toThrow(RangeError);
  });

  test.each([0, -1, 65536, 1.5, Number.NaN])('%d is no port', (port) => {
    expect(() => checkInterception({ ...valid, managementPorts: [port] })).toThrow(RangeError);
  });

  test('queue numbers have 16 bits, the last one too', () => {
    expect(() => checkInterception({ ...valid, firstQueue: 65534, queueCount: 2 })).not.toThrow();
    expect(() => checkInterception({ ...valid, firstQueue: 65534, queueCount: 3 })).toThrow(RangeError);
    expect(() => checkInterception({ ...valid, queueCount: 0 })).toThrow(RangeError);
  });

  test.each([0, 1, 0x20000000, 2 ** 31])('%d is a mark', (rejectMark) => {
    expect(() => checkInterception({ ...valid, rejectMark })).not.toThrow();
  });

  test('several queues can be chosen by ports, one needs no choice', () => {
    expect(isByPorts({ ...valid, balance: 'ports', queueCount: 2 })).toBe(true);
    expect(isByPorts({ ...valid, balance: 'ports', queueCount: 1 })).toBe(false);
    expect(isByPorts({ ...valid, balance: 'addresses', queueCount: 2 })).toBe(false);
  });

  test('two marks are two bits', () => {
    expect(() => checkInterception({ ...valid, rejectMark: 4, bypassMark: 8 })).not.toThrow();
    expect(() => checkInterception({ ...valid, rejectMark: 4, bypassMark: 4 })).toThrow('the same bit');
    expect(() => checkInterception({ ...valid, bypassMark: 3 })).toThrow(RangeError);
  });

  test.each([3, -1, 0.5, 2 ** 32, Number.NaN])('%d is not one bit of a mark', (rejectMark) => {
    expect(() => checkInterception({ ...valid, rejectMark })).toThrow(RangeError);
  });

  test('without a hook nothing would be inspected', () => {
    expect(() => checkInterception({ ...valid, hooks: [] })).toThrow(RangeError);
  });
});

test('a packet of loopback, which passes two hooks, is queued at one', () => {
  const both: Interception = { ...valid, hooks: ['input', 'output'], interfaces: ['lo', 'eth0'] };
  expect(interfacesAt('input', both)).toEqual(['lo', 'eth0']);
  expect(interfacesAt('output', both)).toEqual(['eth0']);
  expect(interfacesAt('output', { ...both, hooks: ['output'] })).toEqual(['lo', 'eth0']);
});
