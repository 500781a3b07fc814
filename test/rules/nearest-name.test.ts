import { expect, test } from 'vitest';
import { nearestName } from '../../src/rules/nearest-name.ts';

const NAMES = ['http_uri', 'http.uri', 'http.uri.raw', 'content', 'ttl'];

test.each([
  ['contnt', 'content'],
  ['Content', 'content'],
  ['http.urii', 'http.uri'],
  ['http_urii', 'http_uri'],
  ['http-uri', 'http_uri'],
  ['nonsense', null],
  // Of three characters, two others make another word.
  ['tos', null],
])('%s: %s', (name, nearest) => {
  expect(nearestName(name, NAMES)).toBe(nearest);
});
