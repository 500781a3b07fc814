import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VERDICT } from '../../src/capture/source.ts';
import { mergeConfig } from '../../src/config/overrides.ts';
import { EveWriter } from '../../src/output/eve.ts';
import { parseTranscript, transcriptsIn } from '../../src/patches/transcript.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { CHECKSUM, Packet } from '../../src/wire/packet.ts';
import { httpCases } from '../app/http-pages.ts';
import { fuzzRuns, isFuzzing } from '../support/fuzz.ts';
import { usedMemory } from '../support/heap.ts';
import { conversation, datagrams, rulesetOf, type Turn } from '../support/play.ts';
import { Random } from '../support/random.ts';
import { RULES } from './attacks.ts';
import { mutateOrder, mutatePacket, mutateTurn } from './mutations.ts';

interface Seed {
  readonly turns: readonly Turn[];
  readonly port: number;
  readonly transport: 'tcp' | 'udp';
}

const seeds: readonly Seed[] = [
  ...transcriptsIn('fixtures/patches').map(({ file }) => parseTranscript(readFileSync(file, 'utf8'), file)),
  ...httpCases().map(({ steps }) => ({ turns: steps, port: 80, transport: 'tcp' as const })),
];

test('no mutated traffic makes the pipeline throw, hang, write what is no event, or grow', () => {
  expect(seeds.length).toBeGreaterThan(150);
  const seed = isFuzzing ? Date.now() : 1;
  if (isFuzzing) console.log(`mutations from seed ${seed}`);
  const random = new Random(seed);
  const victim = new Victim();
  const round = (): void => {
    for (let i = 0; i < fuzzRuns(100); i++) victim.take(mutatedPackets(random), random);
    victim.pipeline.updateGauges();
  };
  round();
  const before = usedMemory().heapBytes;
  round();
  // Of connections, bodies and streams there are as many now as then: more would be 20 bytes and more for each packet.
  expect(usedMemory().heapBytes - before).toBeLessThan(4_000_000);
  expect(victim.packets).toBeGreaterThan(1_000);
  expect(victim.lines).toBeGreaterThan(100);
});

/** One conversation, or several mixed, with some of its words, packets or their order changed. */
function mutatedPackets(random: Random): Uint8Array[] {
  let packets = packetsOf(random.pick(seeds), random);
  for (let changes = random.below(3); changes > 0; changes--) {
    packets = mutateOrder(packets, packetsOf(random.pick(seeds), random), random);
  }
  for (let changes = random.below(4); changes > 0; changes--) {
    const at = random.below(packets.length);
    packets[at] = mutatePacket(packets[at]!, random);
  }
  return packets;
}

function packetsOf({ turns, port, transport }: Seed, random: Random): Uint8Array[] {
  const changed = turns.map((turn) => {
    if (random.below(2) === 0 || turn.bytes.length === 0) return turn;
    return { ...turn, bytes: mutateTurn(turn.bytes, random) };
  });
  const clientPort = random.between(40_000, 40_100);
  if (transport === 'udp') return datagrams(changed, { clientPort, serverPort: port });
  const segmentBytes = random.pick([1, 7, 100, 1460]);
  const short = segmentBytes === 1 ? changed.map((turn) => ({ ...turn, bytes: turn.bytes.subarray(0, 300) })) : changed;
  return conversation(short, { clientPort, serverPort: port, segmentBytes, ipv6: random.below(2) === 0 });
}

/** A pipeline that lives through it all, with small tables, so that they are full soon. */
class Victim {
  packets = 0;
  lines = 0;
  readonly pipeline: Pipeline;
  readonly #packet = new Packet();
  #timeMs = 1_700_000_000_000;

  constructor() {
    const config = mergeConfig({
      flow: { maxTcpFlows: 200, maxUdpFlows: 100, maxOtherFlows: 100 },
      outputs: { eve: { records: 'all', fileHashes: ['md5'] } },
    });
    const output = {
      write: (line: string): void => {
        this.lines++;
        JSON.parse(line);
      },
      lostLines: 0,
      close: async (): Promise<void> => {},
    };
    this.pipeline = new Pipeline({
      config,
      mode: 'detect',
      ruleset: rulesetOf(RULES, config),
      sink: new EveWriter(output, { mode: 'detect', hasPacketNumbers: true }),
      seed: [1, 2],
      midstreamUntilMs: Number.POSITIVE_INFINITY,
    });
  }

  take(packets: readonly Uint8Array[], random: Random): void {
    this.pipeline.setMode(random.below(2) === 0 ? 'detect' : 'prevent');
    const packet = this.#packet;
    // Mutated packets have wrong checksums. Half of the time nobody can judge them.
    packet.checksum = random.below(2) === 0 ? CHECKSUM.trusted : CHECKSUM.unverified;
    for (const bytes of packets) {
      packet.setBytes(bytes);
      // Sometimes the capture has cut it.
      if (random.below(20) === 0) packet.wireBytes += random.below(2000);
      packet.number = ++this.packets;
      this.#timeMs += random.below(40);
      packet.timeMs = this.#timeMs;
      // Sometimes packets have passed unseen.
      if (random.below(50) === 0) this.pipeline.noteLapse(this.#timeMs);
      expect(Object.values(VERDICT)).toContain(this.pipeline.process(packet));
    }
  }
}
