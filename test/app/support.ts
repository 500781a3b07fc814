import type { FlowEndpoints } from '../../src/app/app-layer.ts';
import { APP_BUFFERS } from '../../src/app/index.ts';
import type { BufferDefinition, Channel, Transport } from '../../src/app/protocol.ts';

/** A channel between ports that hint at nothing, unless told otherwise. */
export const channel = (transport: Transport = 'tcp', serverPort = 4000, clientPort = 40_000): Channel => ({
  transport,
  clientPort,
  serverPort,
});

/** Every flow is between these ports, and one pair of hosts. */
export const flowEndpoints = (serverPort = 4000, clientPort = 40_000): FlowEndpoints => ({
  addresses: new Uint32Array(8 * 64),
  clientPort: () => clientPort,
  serverPort: () => serverPort,
  tunnelDepth: () => 0,
});

/** The first protocol's buffer of this name. */
export function bufferNamed(name: string): BufferDefinition {
  const found = APP_BUFFERS.find(({ definition }) => definition.name === name);
  if (found === undefined) throw new Error(`there is no buffer ${name}`);
  return found.definition;
}
