import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { Testbed, whyNoTestbed } from './netns.ts';
import { VpatchProcess } from './vpatch-process.ts';
import { HTTP_PORT, WebServer } from './web-server.ts';

/**
 * Tests with a client, and a web server that vpatch can protect. Skipped, and that is told, where they cannot be made.
 */
export function describeWithWebServer(name: string, body: (bed: WebBed) => void): void {
  const reason = whyNoTestbed();
  if (reason !== null) console.warn(`SKIPPED, NOTHING INLINE IS TESTED: ${name}: ${reason}`);
  describe.skipIf(reason !== null)(name, () => {
    const bed = new WebBed();
    beforeAll(() => bed.open());
    afterEach(() => VpatchProcess.killAll());
    afterAll(() => bed.close());
    body(bed);
  });
}

/** One for all tests of a group. What it has is there while they run. */
export class WebBed {
  #testbed: Testbed | null = null;
  #server: WebServer | null = null;
  #folder: string | null = null;

  get testbed(): Testbed {
    return this.#testbed!;
  }

  get server(): WebServer {
    return this.#server!;
  }

  /** Removed with the bed. */
  get folder(): string {
    return this.#folder!;
  }

  url(path = '/', port = HTTP_PORT): string {
    return `http://${this.testbed.addresses.server[4]}:${port}${path}`;
  }

  async open(): Promise<void> {
    this.#testbed = new Testbed();
    this.#folder = mkdtempSync(join(tmpdir(), 'vpatch-bed-'));
    this.#server = await WebServer.start(this.#testbed);
  }

  /** Also where `open` has got half-way only. */
  close(): void {
    this.#server?.close();
    this.#testbed?.close();
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }
}
