import type { Direction } from '../../base/direction.ts';
import { type BufferDefinition, STAGE, type Transaction } from '../protocol.ts';
import type { DcerpcCall } from './call.ts';
import { PDU } from './pdu.ts';

/** Of `dcerpc.iface`: the UUID, its version (u16), and whether it was offered in a first fragment. */
export const INTERFACE = { uuid: 0, version: 16, isInFirstFragment: 18, length: 19 } as const;

/** What rules compare of calls, for every protocol that carries some. `callOf` is null where a transaction has none. */
export function dcerpcBuffers<T extends Transaction>(
  callOf: (transaction: T) => DcerpcCall | null,
): BufferDefinition<T>[] {
  return [
    {
      name: 'dcerpc.stub_data',
      aliases: ['dce_stub_data'],
      summary: 'what a call carries: its arguments, or what it returns; fragments put together',
      direction: null,
      stage: STAGE.body,
      isLittleEndian: (tx) => callOf(tx)?.isLittleEndian === true,
      read: (tx, direction, nth) => {
        const stub = nth > 0 ? undefined : callOf(tx)?.stubs[direction];
        return stub === undefined || stub.length === 0 ? null : stub.view();
      },
    },
    {
      name: 'dcerpc.opnum',
      summary: 'number of the operation (u16)',
      direction: null,
      stage: STAGE.head,
      isInternal: true,
      read: (tx, _direction, nth) => {
        const call = nth > 0 ? null : callOf(tx);
        return call === null || call.requestType !== PDU.request ? null : Uint8Array.of(call.opnum >> 8, call.opnum);
      },
    },
    {
      name: 'dcerpc.iface',
      summary: 'an interface that the server has accepted, and the call is for',
      direction: null,
      stage: STAGE.head,
      isInternal: true,
      read: readInterface(callOf),
    },
  ];
}

const readInterface =
  <T extends Transaction>(callOf: (transaction: T) => DcerpcCall | null) =>
  (tx: T, _direction: Direction, nth: number): Uint8Array | null => {
    const call = callOf(tx);
    if (call === null || call.requestType !== PDU.request) return null;
    const used = call.usedInterfaces[nth];
    if (used === undefined) return null;
    const bytes = new Uint8Array(INTERFACE.length);
    bytes.set(Buffer.from(used.uuid, 'latin1'));
    bytes[INTERFACE.version] = used.version >> 8;
    bytes[INTERFACE.version + 1] = used.version;
    bytes[INTERFACE.isInFirstFragment] = used.isInFirstFragment ? 1 : 0;
    return bytes;
  };
