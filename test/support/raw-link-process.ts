/**
 * Frames of an interface that a filter lets through, as lines of hexadecimal; lines on standard input are sent there.
 */
import { createInterface } from 'node:readline';
import cap from 'cap';

const [device = '', filter = ''] = process.argv.slice(2);
const RING_BYTES = 1 << 22;
const frame = Buffer.alloc(65_536);
const link = new cap.Cap();
link.open(device, filter, RING_BYTES, frame);
link.on('packet', (bytes) => process.stdout.write(`${frame.toString('hex', 0, bytes)}\n`));
createInterface({ input: process.stdin })
  .on('line', (line) => link.send(Buffer.from(line, 'hex')))
  .on('close', () => process.exit());
process.stdout.write('ready\n');
