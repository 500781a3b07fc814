import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVASIONS, splitAt } from '../support/evasions.ts';
import { fuzzRuns } from '../support/fuzz.ts';
import { Random } from '../support/random.ts';
import { honest } from '../support/segments.ts';
import { attacks, couldRead, detect, prevent, send, sortedAlerts } from './attacks.ts';

test('there are attacks, and without tricks each arrives where nobody blocks it', () => {
  expect(attacks.length).toBeGreaterThan(50);
  for (const attack of attacks) {
    const segments = honest(attack.page.turns);
    expect(couldRead(attack, send(segments, attack.page, detect).arrived), attack.name).toBe(true);
    expect(couldRead(attack, send(segments, attack.page, prevent).arrived), attack.name).toBe(false);
  }
});

describe.each(EVASIONS)('$name', ({ isHarmless, needsTimestamps, apply }) => {
  const evaded = (index: number) => {
    const { page, from } = attacks[index]!;
    const segments = honest(page.turns, { hasTimestamps: needsTimestamps ?? index % 2 === 1 });
    return apply(segments, from, new Random(index));
  };

  test.runIf(isHarmless)('the attack is found', () => {
    attacks.forEach(({ name, page }, index) => {
      const { played } = send(evaded(index), page, detect);
      expect(sortedAlerts(played), name).toEqual(page.alerts);
    });
  });

  test('its target cannot read it', () => {
    attacks.forEach((attack, index) => {
      const { arrived } = send(evaded(index), attack.page, prevent);
      expect(couldRead(attack, arrived), attack.name).toBe(false);
    });
  });
});

const anyAttack = fc.constantFrom(...attacks);

test('cut in two at any byte, an attack is found and its target cannot read it', () => {
  const place = anyAttack.chain((attack) => fc.tuple(fc.constant(attack), fc.nat(attack.completeBytes)));
  fc.assert(
    fc.property(place, fc.constantFrom(4, 6), ([attack, offset], version) => {
      const { page, from } = attack;
      const segments = splitAt(honest(page.turns), from, offset);
      expect(sortedAlerts(send(segments, page, detect, version).played), attack.name).toEqual(page.alerts);
      expect(couldRead(attack, send(segments, page, prevent, version).arrived), attack.name).toBe(false);
    }),
    { numRuns: fuzzRuns(300) },
  );
});

test('whatever tricks come together, its target cannot read an attack', () => {
  const tricks = fc.array(fc.constantFrom(...EVASIONS), { minLength: 2, maxLength: 3 });
  fc.assert(
    fc.property(anyAttack, tricks, fc.integer(), fc.boolean(), (attack, evasions, seed, isTimed) => {
      const { page, from, name } = attack;
      const random = new Random(seed);
      const hasTimestamps = isTimed || evasions.some(({ needsTimestamps }) => needsTimestamps);
      let segments = honest(page.turns, { hasTimestamps });
      for (const { apply } of evasions) segments = apply(segments, from, random);
      expect(couldRead(attack, send(segments, page, prevent).arrived), name).toBe(false);
    }),
    { numRuns: fuzzRuns(300) },
  );
});
