import { readFileSync } from 'node:fs';
import { MAX_COPY_BYTES } from '../base/native/queue.ts';
import { MachineError } from './machine-error.ts';

/**
 * With this MTU no packet is larger than what a queue shows. Measured: at 65,531 the kernel still joins segments to
 * more than that; it joins whole segments only, up to some 65,200 bytes, and one of this MTU is smaller.
 */
const MAX_MTU = 65_000;

/**
 * Looks at the interfaces that are to be inspected; returns what the administrator should know of them. Throws where
 * one sends packets that the kernel does not show to a queue in full: loopback has an MTU of 65,536 bytes, a queue gets
 * 65,531. What is not seen is not inspected; in prevent mode its packets would drop, and with them the connection.
 */
export function checkInterfaces(names: readonly string[], mtuOf: (name: string) => number | null = readMtu): string[] {
  const remarks: string[] = [];
  for (const name of names) {
    const mtu = mtuOf(name);
    if (mtu === null) {
      remarks.push(`there is no interface ${name} now: nothing is inspected before one of this name appears`);
    } else if (mtu > MAX_MTU) {
      throw new MachineError(
        `${name} sends packets of up to ${mtu} bytes, and the kernel shows at most ${MAX_COPY_BYTES} of one: ` +
          `run "ip link set dev ${name} mtu ${MAX_MTU}" first`,
      );
    }
  }
  return remarks;
}

function readMtu(name: string): number | null {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8'));
  } catch {
    return null;
  }
}
