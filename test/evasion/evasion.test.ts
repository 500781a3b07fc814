import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fragmentsOf, transportOf } from '../defrag/fragments.ts';
import { EVASIONS, type Evasion, splitAt } from '../support/evasions.ts';
import { fuzzRuns, isFuzzing, SEED } from '../support/fuzz.ts';
import { addressBytes } from '../support/packets.ts';
import { conversation, datagrams, type PlayOptions, playPackets } from '../support/play.ts';
import { Random } from '../support/random.ts';
import { ENDPOINTS, honest, type Segment } from '../support/segments.ts';
import { type Attack, attacks, couldRead, detect, pages, prevent, send, sortedAlerts } from './attacks.ts';

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

test('in IP fragments of any size and order, each attack is found and blocked, over TCP and UDP', () => {
  const rulesAlone: PlayOptions = { ...detect, mode: 'prevent' };
  for (const [index, { name, page }] of pages.entries()) {
    const random = new Random(index);
    const ipv6 = index % 2 === 1;
    const whole =
      page.transport === 'udp'
        ? datagrams(page.turns, { serverPort: page.port })
        : conversation(page.turns, { serverPort: page.port, ipv6 });
    const packets = whole.flatMap((packet, id) => random.shuffled(inFragments(packet, id, random)));
    expect(sortedAlerts(playPackets(packets, detect)), name).toEqual(page.alerts);
    expect(playPackets(packets, rulesAlone).dropReasons, name).toContain('rules');
  }
});

/** Some of them twice. */
function inFragments(packet: Uint8Array, id: number, random: Random): Uint8Array[] {
  const [source, destination] = packet[0]! >> 4 === 6 ? ENDPOINTS[6].addresses : ENDPOINTS[4].addresses;
  const isFromClient = addressBytes(source).every((byte, at) => packet[sourceAt(packet) + at] === byte);
  const fields = {
    source: isFromClient ? source : destination,
    destination: isFromClient ? destination : source,
    protocol: packet[packet[0]! >> 4 === 6 ? 6 : 9]!,
    id,
    payload: transportOf(packet),
  };
  const fragments = fragmentsOf(fields, 8 * random.between(1, 30));
  return random.below(2) === 0 ? fragments : [...fragments, random.pick(fragments)];
}

/** RFC 8200 §3, RFC 791 §3.1. */
const sourceAt = (packet: Uint8Array): number => (packet[0]! >> 4 === 6 ? 8 : 12);
