/**
 * The upper limit of whatever inspects on NFQUEUE: takes packets as a worker of `vpatch run` does, looks at none, and
 * accepts all. Started by `make bench` in a namespace of its own; ends on a signal, and the namespace's rules with it.
 */
import { NfqueueSource } from '../../src/capture/nfqueue.ts';
import { VERDICT } from '../../src/capture/source.ts';
import { chooseFirewall } from '../../src/service/firewall.ts';
import { inspect } from '../../src/service/inspection-loop.ts';
import { INTERCEPTION } from '../support/interception.ts';

const { firewall, remarks } = chooseFirewall();
if (firewall === null) throw new Error(`no firewall hands packets to a queue: ${remarks.join('; ')}`);
const source = new NfqueueSource({
  queue: 0,
  lengthPackets: 4096,
  isFailOpen: true,
  whenUndecided: VERDICT.accept,
});
firewall.install({ ...INTERCEPTION, hooks: ['input', 'output'] });
process.stderr.write('ready\n');
await inspect(
  source,
  { process: () => VERDICT.accept, mark: 0, noteFailure: () => {}, noteLapse: () => {}, expire: () => false },
  {
    onTurn: () => true,
    isBusy: () => false,
    pause: () => null,
    takeLapse: () => false,
    onReceived() {},
    onWorked() {},
    onAnswered() {},
    onFailure: (error) => {
      throw error;
    },
  },
);
