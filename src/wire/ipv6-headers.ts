import { IP_PROTOCOL } from './packet.ts';

/** Next-header numbers of extension headers, and of what stands in their place. */
export const NEXT = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  none: 59,
  destination: 60,
  mobility: 135,
  hip: 139,
  shim6: 140,
} as const;

/** The order of RFC 8200 §4.1. Destination options stand before routing, or last. */
export const RANK = {
  start: 0,
  hopByHop: 1,
  firstDestination: 2,
  routing: 3,
  fragment: 4,
  authentication: 5,
  last: 6,
} as const;

/** ESP is none for us: what follows it is encrypted. */
export function isExtension(next: number): boolean {
  switch (next) {
    case NEXT.hopByHop:
    case NEXT.routing:
    case NEXT.fragment:
    case NEXT.authentication:
    case NEXT.destination:
    case NEXT.mobility:
    case NEXT.hip:
    case NEXT.shim6:
      return true;
    default:
      return false;
  }
}

/** What a decoder knows, or what says that nothing follows. */
export function isKnown(next: number): boolean {
  switch (next) {
    case IP_PROTOCOL.ipv4:
    case IP_PROTOCOL.tcp:
    case IP_PROTOCOL.udp:
    case IP_PROTOCOL.ipv6:
    case IP_PROTOCOL.gre:
    case IP_PROTOCOL.esp:
    case IP_PROTOCOL.icmpv6:
    case IP_PROTOCOL.sctp:
    case NEXT.none:
      return true;
    default:
      return false;
  }
}

/** RFC 7112 §3 means the whole header; of a TCP segment, what is fixed of it. */
export function transportHeaderBytes(protocol: number): number {
  switch (protocol) {
    case IP_PROTOCOL.tcp:
      return 20;
    case IP_PROTOCOL.udp:
    case IP_PROTOCOL.icmpv6:
      return 8;
    case IP_PROTOCOL.sctp:
      return 12;
    default:
      return 0;
  }
}

/**
 * RFC 8200 §4.1: where the header `next` belongs in the recommended order, behind one of `rank`. Destination options
 * have two places.
 */
export function rankOf(next: number, rank: number): number {
  switch (next) {
    case NEXT.hopByHop:
      return RANK.hopByHop;
    case NEXT.routing:
      return RANK.routing;
    case NEXT.fragment:
      return RANK.fragment;
    case NEXT.authentication:
      return RANK.authentication;
    case NEXT.destination:
      return rank < RANK.routing ? RANK.firstDestination : RANK.last;
    default:
      return RANK.last;
  }
}
