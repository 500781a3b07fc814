import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const LONG_MS = 180_000;

/**
 * This machine's own root under a layer that takes what is written, in network and process namespaces of their own:
 * what is installed there is installed nowhere else. What was written stays until `close`.
 */
class LayeredRoot {
  readonly #folder = mkdtempSync(join(tmpdir(), 'vpatch-layer-'));

  constructor() {
    for (const name of ['upper', 'work', 'root']) mkdirSync(join(this.#folder, name));
  }

  /** Runs a shell script as root there; `file` is seen as /tmp/package.deb. */
  run(script: string, file = '/dev/null'): { readonly status: number | null; readonly output: string } {
    const enter = `
      mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
      mount -t proc proc "$0/root/proc" && mount -t tmpfs none "$0/root/run" && mount -t tmpfs none "$0/root/tmp"
      mount --bind /dev "$0/root/dev" && cp "$1" "$0/root/tmp/package.deb"
      exec chroot "$0/root" sh -ec "$2"`;
    const args = [
      '--mount',
      '--net',
      '--pid',
      '--fork',
      '--kill-child',
      'sh',
      '-ec',
      enter,
      this.#folder,
      file,
      script,
    ];
    const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: LONG_MS });
    return { status, output: stdout + stderr };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function whyNoRoot(): string | null {
  if (process.getuid?.() !== 0) return 'not root';
  if (spawnSync('sh', ['-c', 'command -v dpkg-deb']).status !== 0) return 'no dpkg';
  const root = new LayeredRoot();
  const { status, output } = root.run('true');
  root.close();
  return status === 0 ? null : output.trim();
}

const reason = whyNoRoot();
if (reason !== null) console.warn(`SKIPPED, THE PACKAGE IS NOT INSTALLED: ${reason}`);

/** Has the service inspect, in a namespace that has nothing else. */
const START = `
  ip link set lo up
  vpatch run 2>/tmp/log & service=$!
  for i in $(seq 600); do grep -q ready /tmp/log && break; sleep 0.1; done
  grep ready /tmp/log || { cat /tmp/log; exit 9; }
`;

describe.skipIf(reason !== null)('the Debian package', () => {
  let root: LayeredRoot;
  let file: string;

  beforeAll(() => {
    file = resolve(execFileSync('.packaging/deb', { encoding: 'utf8' }).trim());
    root = new LayeredRoot();
  }, LONG_MS);
  afterAll(() => root?.close());

  test(
    'is installed, and what it installs runs in detect mode',
    () => {
      // Node may be there without being a package of this machine.
      const { status, output } = root.run(
        `dpkg --force-depends -i /tmp/package.deb
         ${START}
         vpatch status
         vpatch stop
         wait $service`,
        file,
      );
      expect(output).toMatch(/^mode +detect, since /m);
      expect(output).toMatch(/^inspecting +yes$/m);
      expect(status).toBe(0);
    },
    LONG_MS,
  );

  test(
    'an upgrade keeps configuration and state',
    () => {
      const { status, output } = root.run(
        `echo '# mine' >> /etc/vpatch/vpatch.yaml
         echo 'log: { level: debug }' > /etc/vpatch/vpatch.d/mine.yaml
         mkdir -p /var/lib/vpatch/policy && echo '{"1:1000001":"soak"}' > /var/lib/vpatch/policy/pins.json
         dpkg --force-depends --force-confdef --force-confold -i /tmp/package.deb
         tail -1 /etc/vpatch/vpatch.yaml
         cat /etc/vpatch/vpatch.d/mine.yaml
         vpatch policy report`,
        file,
      );
      expect(output).toContain('# mine\nlog: { level: debug }\n1:1000001  soak');
      expect(status).toBe(0);
    },
    LONG_MS,
  );

  test(
    'removing it ends what runs and takes the firewall rules away, and leaves configuration and state',
    () => {
      const { status, output } = root.run(
        `${START}
         { nft list ruleset; iptables-save; } 2>/dev/null | grep -ci vpatch
         dpkg --force-depends -r vpatch
         wait $service && echo 'it has ended'
         { nft list ruleset; iptables-save; } 2>/dev/null | grep -ci vpatch || true
         ls /etc/vpatch/vpatch.yaml /var/lib/vpatch/policy/pins.json
         ls /usr/lib/vpatch /usr/bin/vpatch || echo gone`,
        file,
      );
      expect(output).toMatch(/^[1-9]\d*\n[\s\S]*it has ended\n0\n\/etc\/vpatch\/vpatch\.yaml\n\/var\/lib\/vpatch/m);
      expect(output).toMatch(/^gone$/m);
      expect(status).toBe(0);
    },
    LONG_MS,
  );

  test(
    'purging it leaves nothing',
    () => {
      const { output } = root.run(
        `rm /etc/vpatch/vpatch.d/mine.yaml
         dpkg -P vpatch
         ls -d /etc/vpatch /var/lib/vpatch /var/log/vpatch /var/cache/vpatch 2>/dev/null || echo 'nothing left'`,
      );
      expect(output).toMatch(/^nothing left$/m);
    },
    LONG_MS,
  );
});
