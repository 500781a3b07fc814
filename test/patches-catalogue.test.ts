import { expect, test } from 'vitest';
import { readCatalogue } from '../src/patches/catalogue.ts';
import { formFaults, SIDS_PER_BLOCK } from '../src/patches/form.ts';
import { readTranscript, transcriptsIn } from '../src/patches/transcript.ts';

const { patches, problems } = readCatalogue('signatures');
const pages = transcriptsIn('fixtures/patches');

test('there are patches and pages', () => {
  expect(problems).toEqual([]);
  expect(patches.length).toBeGreaterThanOrEqual(16);
  expect(pages.length).toBeGreaterThanOrEqual(3 * patches.length);
});

test('every folder of pages belongs to a patch', () => {
  const names = new Set(patches.map((patch) => patch.id));
  expect(pages.filter((page) => !names.has(page.patch)).map((page) => page.file)).toEqual([]);
});

test('no two patches share a block of signature ids', () => {
  const owners = new Map<number, Set<string>>();
  for (const patch of patches) {
    for (const rule of patch.rules) {
      const block = Math.floor(rule.sid / SIDS_PER_BLOCK);
      owners.set(block, (owners.get(block) ?? new Set()).add(patch.id));
    }
  }
  expect([...owners.values()].filter((names) => names.size > 1)).toEqual([]);
});

test.each(patches)('$software/$id has the form that every patch has', (patch) => {
  const own = pages.filter((page) => page.patch === patch.id);
  expect(
    formFaults(
      patch,
      own.map((page) => ({ ...page, transcript: readTranscript(page.file) })),
    ),
  ).toEqual([]);
});
