import { expect, test } from 'vitest';
import { APP_PROTOCOLS } from '../../src/app/index.ts';
import { APP_NAMES } from '../../src/app/names.ts';

test('the list of names is that of the protocols', () => {
  expect(APP_NAMES).toEqual(APP_PROTOCOLS.map(({ name }) => name));
});
