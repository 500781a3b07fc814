/** The part of `cap` 0.2 that is used. */
declare module 'cap' {
  import type { EventEmitter } from 'node:events';

  namespace cap {
    class Cap extends EventEmitter {
      static deviceList(): { name: string }[];

      /** Returns the name of the link type. Packets are copied into `buffer`, one at a time. */
      open(device: string, filter: string, bufferBytes: number, buffer: Buffer): string;
      /** One frame of a device whose packets have Ethernet headers. */
      send(frame: Buffer): boolean;
      close(): boolean;
      /** `isCut`: the packet is longer than the buffer. */
      on(event: 'packet', listener: (capturedBytes: number, isCut: boolean) => void): this;
    }
  }

  export = cap;
}
