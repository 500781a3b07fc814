import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { readCatalogue } from '../../src/patches/catalogue.ts';
import { conversation, Player } from '../support/play.ts';
import { Random } from '../support/random.ts';

const BODIES = 120;
const BODY_BYTES = 100_000;
const { patches } = readCatalogue('signatures');
const rules = patches.map(({ rulesFile }) => readFileSync(rulesFile, 'utf8')).join('\n');

// Compressed and encrypted files look like this, and "curl --data-binary" calls everything a form.
test.each(['application/octet-stream', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=b'])(
  'uploads of anything are no attack: %s',
  (type) => {
    const random = new Random(1);
    const player = new Player({ rules });
    for (let i = 0; i < BODIES; i++) {
      const isText = i % 2 === 0 && !type.includes('form-urlencoded');
      const body = Uint8Array.from({ length: BODY_BYTES }, () => (isText ? 32 + random.below(95) : random.below(256)));
      const head = `POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`;
      const bytes = new Uint8Array(Buffer.concat([fromLatin1(head), body]));
      const packets = conversation([{ direction: TO_SERVER, bytes }], { clientPort: 1024 + i, segmentBytes: 16_000 });
      for (const packet of packets) player.send(packet);
    }
    expect(player.finish().alerts).toEqual([]);
  },
);
