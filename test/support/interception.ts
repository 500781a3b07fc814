import type { Interception } from '../../src/service/interception.ts';

/** What comes to a host with one queue, without bits for marks. */
export const INTERCEPTION: Interception = {
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
