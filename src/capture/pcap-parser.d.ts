/** The part of `pcap-parser` 0.2 that is used. It parses what it is given at once, within `emit('data')`. */
declare module 'pcap-parser' {
  import type { EventEmitter } from 'node:events';

  interface PacketHeader {
    timestampSeconds: number;
    /** Or nanoseconds, if that is what the file holds. */
    timestampMicroseconds: number;
    capturedLength: number;
    originalLength: number;
  }

  interface Parser extends EventEmitter {
    on(event: 'packet', listener: (packet: { header: PacketHeader; data: Buffer }) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  export function parse(stream: EventEmitter & { pause(): void; resume(): void }): Parser;
}
