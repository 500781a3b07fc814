import fc from 'fast-check';
import { expect, test } from 'vitest';
import { up } from '../detect/support.ts';
import { conditionsWith, holds, written } from '../support/conditions.ts';
import { fuzzRuns, fuzzTimeMs, SEED } from '../support/fuzz.ts';
import { datagrams, Player } from '../support/play.ts';

const letters = fc.array(fc.constantFrom('a', 'b', 'A', 'B', 'c'), { minLength: 1, maxLength: 3 });
const conditions = conditionsWith(letters.map((list) => list.join('')));
const payload = fc.array(fc.constantFrom('a', 'b', 'A', 'B', 'c', '-', '0', '2'), { minLength: 1, maxLength: 14 });

test(
  'a rule means what its conditions say: on datagrams it alerts where they all hold, and nowhere else',
  () => {
    let hits = 0;
    fc.assert(
      fc.property(conditions, fc.nat(1000), fc.array(payload, { minLength: 8, maxLength: 8 }), (list, style, texts) => {
        const options = list.map((one, i) => written(one, style + i)).join(' ');
        const rules = `alert udp any any -> any any (${options} sid:1;)`;
        const player = new Player({ rules });
        for (const [i, text] of texts.map((chars) => chars.join('')).entries()) {
          player.played.alerts = [];
          const [packet] = datagrams([up(text)], { clientPort: 1000 + i });
          player.send(packet!);
          const expected = holds(list, text);
          expect({ options, text, alerts: player.played.alerts }).toEqual({
            options,
            text,
            alerts: expected ? [1] : [],
          });
          if (expected) hits++;
        }
      }),
      { numRuns: fuzzRuns(120), ...SEED },
    );
    expect(hits).toBeGreaterThan(10);
  },
  fuzzTimeMs(60_000),
);
