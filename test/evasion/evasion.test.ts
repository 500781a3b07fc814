import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EVASIONS, type Evasion, splitAt } from '../support/evasions.ts';
import { fuzzRuns, isFuzzing, SEED } from '../support/fuzz.ts';
import { Random } from '../support/random.ts';
import { honest, type Segment } from '../support/segments.ts';
import { type Attack, attacks, couldRead, detect, prevent, send, sortedAlerts } from './attacks.ts';

test('there are attacks, and without tricks each arrives where nobody blocks it', () => {
  expect(attacks.length).toBeGreaterThan(50);
  for (const attack of attacks) {
    const segments = honest(attack.page.turns);
    expect(couldRead(attack, send(segments, attack.page, detect).arrived), attack.name).toBe(true);
    expect(couldRead(attack, send(segments, attack.page, prevent).arrived), attack.name).toBe(false);
  }
});

/** The trick on each attack, or, where it need not be all of them, on some: other ones for each trick. */
function forEachAttack(evasion: Evasion, check: (attack: Attack, segments: Segment[]) => void): void {
  const { needsTimestamps, apply } = evasion;
  const first = isFuzzing ? 0 : EVASIONS.indexOf(evasion) % SAMPLE;
  for (let index = first; index < attacks.length; index += isFuzzing ? 1 : SAMPLE) {
    const attack = attacks[index]!;
    const segments = honest(attack.page.turns, { hasTimestamps: needsTimestamps ?? index % 2 === 1 });
    check(attack, apply(segments, attack.from, new Random(index)));
  }
}
const SAMPLE = 4;

test.each(EVASIONS.filter(({ isHarmless }) => isHarmless))('$name: the attack is found', (evasion) => {
  forEachAttack(evasion, ({ name, page }, segments) => {
    expect(sortedAlerts(send(segments, page, detect).played), name).toEqual(page.alerts);
  });
});

test.each(EVASIONS)('$name: the target cannot read the attack', (evasion) => {
  forEachAttack(evasion, (attack, segments) => {
    const { arrived } = send(segments, attack.page, prevent);
    expect(couldRead(attack, arrived), attack.name).toBe(false);
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
    { numRuns: fuzzRuns(300), ...SEED },
  );
});

test('whatever tricks come together, its target cannot read an attack', () => {
  const tricks = fc.array(fc.constantFrom(...EVASIONS), { minLength: 2, maxLength: 3 });
  fc.assert(
    fc.property(anyAttack, tricks, fc.integer(), fc.boolean(), (attack, evasions, seed, isTimed) => {
      const { page, from } = attack;
      const random = new Random(seed);
      const hasTimestamps = isTimed || evasions.some(({ needsTimestamps }) => needsTimestamps);
      let segments = honest(page.turns, { hasTimestamps });
      for (const { apply } of evasions) segments = apply(segments, from, random);
      const what = [attack.name, ...evasions.map(({ name }) => name)].join('; ');
      expect(couldRead(attack, send(segments, page, prevent).arrived), what).toBe(false);
    }),
    { numRuns: fuzzRuns(300), ...SEED },
  );
});
