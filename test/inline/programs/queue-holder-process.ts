/** Binds a queue, says so, and keeps it without taking packets: NUMBER. */
import { NfqueueSource } from '../../../src/capture/nfqueue.ts';
import { VERDICT } from '../../../src/capture/source.ts';

const source = new NfqueueSource({
  queue: Number(process.argv[2]),
  lengthPackets: 16,
  isFailOpen: true,
  whenUndecided: VERDICT.accept,
});
console.log('bound');
process.once('SIGTERM', () => source.close());
setInterval(() => {}, 1000);
