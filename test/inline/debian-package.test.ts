import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoadResult } from '../support/load.ts';
import { programFile } from '../support/program-file.ts';

/** Several installations and starts, on a machine that does other things too. */
const LONG_MS = 400_000;

/**
 * This machine's own root under a layer that takes what is written, in network and process namespaces of their own:
 * what is installed there is installed nowhere else. What was written stays until `close`.
 */
class LayeredRoot {
  readonly #folder = mkdtempSync(join(tmpdir(), 'vpatch-layer-'));

  constructor() {
    for (const name of ['upper', 'work', 'root']) mkdirSync(join(this.#folder, name));
  }

  /** Runs a shell script as root there, with copies of `files` in /tmp. */
  run(script: string, ...files: readonly string[]): { readonly status: number | null; readonly output: string } {
    const enter = `
      mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
      mount -t proc proc "$0/root/proc" && mount -t tmpfs none "$0/root/run" && mount -t tmpfs none "$0/root/tmp"
      mount --bind /dev "$0/root/dev"
      script=$1 && shift && [ $# = 0 ] || cp "$@" "$0/root/tmp/"
      exec chroot "$0/root" sh -ec "$script"`;
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
      script,
      ...files,
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

const LOAD = programFile(new URL('../support/load-process.ts', import.meta.url));
const LOAD_SETTINGS = {
  url: 'http://127.0.0.1:8080/',
  page: 'page',
  clients: 4,
  fresh: false,
  limitMs: 1500,
  pauseMs: 5,
};
/**
 * Requests over loopback, on connections that are kept and on new ones; STOP_LOADS ends them and says what they came
 * to.
 */
const START_LOADS = `
  ip link set lo mtu 65000 up
  echo '{ "type": "module" }' > /tmp/package.json
  node -e 'require("node:http").createServer((_, response) => response.end("page")).listen(8080, () => console.log("up"))' \\
    > /tmp/server.log & server=$!
  until grep -q up /tmp/server.log; do sleep 0.1; done
  mkfifo /tmp/kept /tmp/fresh
  node /tmp/load-process.js '${JSON.stringify(LOAD_SETTINGS)}' < /tmp/kept > /tmp/kept.log & kept=$!
  node /tmp/load-process.js '${JSON.stringify({ ...LOAD_SETTINGS, fresh: true })}' < /tmp/fresh > /tmp/fresh.log & fresh=$!
  exec 3>/tmp/kept 4>/tmp/fresh
`;
const STOP_LOADS = `
  sleep 1
  exec 3>&- 4>&-
  wait $kept $fresh
  kill $server
  cat /tmp/kept.log /tmp/fresh.log
`;
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
        `dpkg --force-depends -i /tmp/vpatch_*.deb
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
         dpkg --force-depends --force-confdef --force-confold -i /tmp/vpatch_*.deb
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
    'installing, rotating the log, upgrading and removing break no connection',
    () => {
      const { status, output } = root.run(
        `${START_LOADS}
         mkdir -p /etc/vpatch/vpatch.d
         echo 'queue: { interfaces: [lo] }' > /etc/vpatch/vpatch.d/mine.yaml
         sleep 2
         dpkg --force-depends -i /tmp/vpatch_*.deb
         ${START}
         mv /var/log/vpatch/eve.json /var/log/vpatch/eve.json.1
         sed -n '/postrotate/,/endscript/{//!p}' /etc/logrotate.d/vpatch | sh -e
         sleep 2
         dpkg --force-depends --force-confdef --force-confold -i /tmp/vpatch_*.deb
         vpatch status
         ls /var/log/vpatch/eve.json
         dpkg --force-depends -r vpatch
         wait $service && echo 'it has ended'
         ${STOP_LOADS}`,
        file,
        LOAD,
        join(dirname(LOAD), 'dns-query.js'),
      );
      expect(output).toMatch(/^packets +[1-9][\d,]{2,}/m);
      expect(output).toMatch(/^\/var\/log\/vpatch\/eve\.json$/m);
      expect(output).toContain('it has ended');
      const results = output.match(/^\{"requests".*$/gm)!.map((line) => JSON.parse(line) as LoadResult);
      expect(results.map(({ failures }) => failures)).toEqual([[], []]);
      for (const { requests } of results) expect(requests).toBeGreaterThan(100);
      expect(status).toBe(0);
    },
    LONG_MS,
  );

  test(
    'purging it leaves nothing',
    () => {
      const { output } = root.run(
        `rm -f /etc/vpatch/vpatch.d/mine.yaml
         dpkg -P vpatch
         ls -d /etc/vpatch /var/lib/vpatch /var/log/vpatch /var/cache/vpatch 2>/dev/null || echo 'nothing left'`,
      );
      expect(output).toMatch(/^nothing left$/m);
    },
    LONG_MS,
  );
});
