import { describe, expect, test } from 'vitest';
import { readCatalogue } from '../../src/patches/catalogue.ts';
import { offersOf } from '../../src/patches/offer.ts';
import { RootFs } from '../../src/scan/root-fs.ts';
import { scan } from '../../src/scan/scan.ts';
import { FakeRoot } from './fake-root.ts';
import { affectedVersion, install, UNSEEN } from './installations.ts';

const { patches } = readCatalogue('signatures');
const offers = offersOf(patches, []);
const knowledge = {
  advisories: () => Promise.resolve({ about: () => [], isComplete: () => false }),
  enrichments: () => Promise.resolve(new Map()),
};

describe.each(patches)('$id', ({ id, description }) => {
  test.each(description.affected.map((affected) => ({ affected, ...affected.package })))(
    'is recommended for an affected $name of $ecosystem',
    async ({ affected }) => {
      const root = new FakeRoot();
      try {
        if (!install(root, affected.package, affectedVersion(affected))) return;
        const options = { patches, offers, preset: 'security' as const, knowledge, nowMs: Date.now };
        const { recommendations } = await scan(new RootFs(root.path), options);
        expect(recommendations.map(({ offer }) => offer.id)).toContain(id);
      } finally {
        root.remove();
      }
    },
  );
});

test('what is said not to be found is what patches are for', () => {
  const named = new Set(
    patches.flatMap(({ description }) =>
      description.affected.map(({ package: { ecosystem, name } }) => `${ecosystem} ${name}`),
    ),
  );
  expect([...UNSEEN.keys()].filter((name) => !named.has(name))).toEqual([]);
});
