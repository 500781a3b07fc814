import type { Cap } from 'cap';
import { LINK, type LinkType } from '../wire/packet.ts';
import { type CapturedPacket, MAX_WIRE_BYTES } from './capture-format.ts';
import { WallClock } from './wall-clock.ts';

export interface LiveCaptureOptions {
  /** `any` is all of them. */
  readonly interfaceName: string;
  /** In the language of pcap-filter(7). */
  readonly filter?: string;
  /** What is kept of a packet, at most and by default 65,535, which is where `cap` stops. */
  readonly snapBytes?: number;
  /** The kernel's buffer; it drops what does not fit. */
  readonly bufferBytes?: number;
}

/** The capture could not begin; the message says what to do. */
export class LiveCaptureError extends Error {
  override readonly name = 'LiveCaptureError';
  readonly problem: 'permission' | 'interface' | 'filter' | 'link-type' | 'library' | 'other';

  constructor(problem: LiveCaptureError['problem'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

/** Listens on an interface, in promiscuous mode, and changes nothing. */
export class LiveCapture {
  /** Since the beginning. libpcap's count of lost packets is out of reach: `cap` does not hand it out. */
  packets = 0;
  cutPackets = 0;
  readonly linkType: LinkType;
  readonly #cap: Cap;
  #isOpen = true;

  /**
   * `onPacket` is called from the event loop for each packet, with one reused object and buffer; the packet's time is
   * when it got here, since `cap` does not tell the kernel's. Rejects with LiveCaptureError.
   *
   * Where a packet was cut, nobody knows its length on the wire: `wireBytes` is then more than any packet has, and the
   * length in its IP header counts.
   */
  static async open(options: LiveCaptureOptions, onPacket: (packet: CapturedPacket) => void): Promise<LiveCapture> {
    const { Cap } = await loadCap();
    const { interfaceName, filter = '', bufferBytes = DEFAULT_BUFFER_BYTES } = options;
    const snapBytes = Math.min(options.snapBytes ?? CAP_SNAPLEN_BYTES, CAP_SNAPLEN_BYTES);
    const names = Cap.deviceList().map(({ name }) => name);
    // Without privileges the list is empty, and opening tells better what is wrong.
    if (names.length > 0 && !names.includes(interfaceName)) {
      throw new LiveCaptureError(
        'interface',
        `there is no interface "${interfaceName}" here; there are ${names.join(', ')}`,
      );
    }
    const cap = new Cap();
    // `cap` does not keep it from being collected: the listener does.
    const buffer = Buffer.alloc(snapBytes);
    let linkName: string;
    try {
      linkName = cap.open(interfaceName, filter, bufferBytes, buffer);
    } catch (error) {
      neverCollected.push(cap);
      throw explained(error as Error, interfaceName, filter);
    }
    const linkType = LINK_TYPES.get(linkName);
    if (linkType === undefined) {
      cap.close();
      const supported = [...LINK_TYPES.keys()].join(', ');
      throw new LiveCaptureError(
        'link-type',
        `"${interfaceName}" has packets of the type "${linkName}"; supported are ${supported}`,
      );
    }
    return new LiveCapture(cap, buffer, linkType, onPacket);
  }

  private constructor(cap: Cap, buffer: Buffer, linkType: LinkType, onPacket: (packet: CapturedPacket) => void) {
    this.#cap = cap;
    this.linkType = linkType;
    const clock = new WallClock();
    const packet: CapturedPacket = { bytes: buffer, start: 0, end: 0, wireBytes: 0, timeMs: 0, number: 0, linkType };
    cap.on('packet', (capturedBytes, isCut) => {
      // A packet that fills the snapshot length of `cap` may have been longer, which it does not report.
      const mayBeCut = isCut || capturedBytes >= CAP_SNAPLEN_BYTES;
      this.packets++;
      if (mayBeCut) this.cutPackets++;
      packet.end = capturedBytes;
      packet.wireBytes = mayBeCut ? MAX_WIRE_BYTES : capturedBytes;
      packet.timeMs = clock.nowMs();
      packet.number = this.packets;
      onPacket(packet);
    });
  }

  /** No packet comes afterwards. Harmless when closed. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#cap.close();
  }
}

/** Fixed in `cap`'s binding. */
const CAP_SNAPLEN_BYTES = 65_535;
/** A tenth of a second at 1 Gbit/s. */
const DEFAULT_BUFFER_BYTES = 2 ** 24;

/** As `cap` spells them. */
const LINK_TYPES: ReadonlyMap<string, LinkType> = new Map([
  ['ETHERNET', LINK.ethernet],
  ['LINKTYPE_LINUX_SLL', LINK.linuxSll],
  ['RAW', LINK.rawIp],
  ['NULL', LINK.loopback],
  // What it has no name for, by its number in pcap/dlt.h.
  ['Unknown linktype 276', LINK.linuxSll2],
  ['Unknown linktype 9', LINK.ppp],
]);

/** An object whose `open` failed half-way: its destructor would stop a watcher that was never started. */
const neverCollected: Cap[] = [];

/** Loaded on use only: it needs libpcap, which the other ways to run don't. */
async function loadCap(): Promise<{ readonly Cap: typeof Cap }> {
  try {
    return (await import('cap')).default;
  } catch (error) {
    throw new LiveCaptureError(
      'library',
      `the module "cap" cannot be loaded: install libpcap (Debian: libpcap0.8), then build it again with "npm rebuild cap" (${(error as Error).message.split('\n')[0]})`,
      { cause: error },
    );
  }
}

function explained(error: Error, interfaceName: string, filter: string): LiveCaptureError {
  const text = error.message;
  if (/permi(ssion|tted)/i.test(text)) {
    return new LiveCaptureError('permission', 'listening needs root or CAP_NET_RAW: run it with sudo', {
      cause: error,
    });
  }
  if (/no such device|not exist|is not up|not configured/i.test(text)) {
    return new LiveCaptureError('interface', `interface "${interfaceName}" cannot be listened on: ${text}`, {
      cause: error,
    });
  }
  if (filter !== '') {
    return new LiveCaptureError('filter', `the filter "${filter}" is not right (see pcap-filter(7)): ${text}`, {
      cause: error,
    });
  }
  return new LiveCaptureError('other', `interface "${interfaceName}" cannot be listened on: ${text}`, { cause: error });
}
