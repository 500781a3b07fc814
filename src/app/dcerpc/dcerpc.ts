import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import type { AppProtocol, ProbeAnswer } from '../protocol.ts';
import { dcerpcBuffers } from './buffers.ts';
import type { BoundInterface, DcerpcCall } from './call.ts';
import { DcerpcParser } from './parser.ts';
import { HEADER_BYTES, looksLikeHeader, PDU, readHeader, typeName, uuidText } from './pdu.ts';
import type { DcerpcTransaction } from './transaction.ts';

/** DCERPC 5 over TCP (C706 §12, [MS-RPCE]). What goes through a named pipe is a matter of SMB. */
export const createDcerpc = (): AppProtocol<DcerpcTransaction> => ({
  name: 'dcerpc',
  transports: ['tcp'],
  buffers: dcerpcBuffers(({ call }) => call),
  probe: probeDcerpc,
  open: (sink) => new DcerpcParser(sink),
  describe: ({ call }) => ({ ...describeCall(call), call_id: call.callId, rpc_version: '5.0' }),
});

/** EVE's `dcerpc` object. */
export function describeCall(call: DcerpcCall): Record<string, unknown> {
  const { requestType, responseType, interfaces, usedInterfaces } = call;
  const size = (direction: Direction) => ({
    frag_cnt: call.fragments[direction],
    stub_data_size: call.stubs[direction].length,
  });
  return {
    request: requestType === null ? 'REQUEST_LOST' : typeName(requestType),
    response: responseType === null ? 'UNREPLIED' : typeName(responseType),
    ...(requestType === PDU.request && { opnum: call.opnum, req: size(TO_SERVER) }),
    ...(requestType === PDU.request && usedInterfaces.length > 0 && { interfaces: usedInterfaces.map(describeUse) }),
    ...(requestType === PDU.bind && { interfaces: interfaces.map(describeOffer) }),
    ...(responseType === PDU.response && { res: size(TO_CLIENT) }),
  };
}

const describeUse = ({ uuid, version, minorVersion }: BoundInterface): Record<string, unknown> => ({
  uuid: uuidText(uuid),
  version: `${version}.${minorVersion}`,
});

const describeOffer = (each: BoundInterface): Record<string, unknown> => ({
  ...describeUse(each),
  ...(each.result !== null && { ack_result: each.result }),
});

/** What each side can begin with. A reply of SOCKS 5 begins with the same two bytes. */
const FIRST_TYPES: readonly [readonly number[], readonly number[]] = [
  [PDU.bind, PDU.alterContext, PDU.request],
  [PDU.bindAck, PDU.bindNak, PDU.alterContextResponse, PDU.response, PDU.fault],
];

function probeDcerpc(direction: Direction, bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  if (bytes[start] !== 5 || (end > start + 1 && bytes[start + 1]! > 1)) return 'no';
  if (end - start < HEADER_BYTES) return 'more';
  const header = looksLikeHeader(bytes, start) ? readHeader(bytes, start) : null;
  return header !== null && FIRST_TYPES[direction].includes(header.type) ? 'yes' : 'no';
}
