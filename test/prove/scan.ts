/**
 * `make prove`: the scan on real installations of Debian, an old release and a current one. What debootstrap has
 * fetched is kept, and each run works on a copy. Needs root, and Debian's mirror.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { mavenJar, zipOf } from '../scan/fake-root.ts';
import { toolOptions } from '../support/tool-options.ts';

const PROGRAM = resolve('dist/main.js');
const MIRROR = 'http://deb.debian.org/debian';
const USAGE = `make prove ARGS='...'   the scan on real installations of Debian

  --roots FOLDER      where what debootstrap fetches is kept (/var/tmp/vpatch-roots)
  --suite NAME        this release only; repeatable`;
const MAX_SECONDS = 10;
const MAX_MEMORY_MIB = 150;

interface Proof {
  readonly suite: string;
  readonly packages: readonly string[];
  /** Those whose dependencies debootstrap cannot set up, but apt can. */
  readonly byApt: readonly string[];
  /** `CVE package version`: what is vulnerable in it, apart from what is planted. */
  readonly vulnerable: readonly RegExp[];
}

const SERVERS = [
  ...['nginx-light', 'apache2', 'php-cli', 'libapache2-mod-php', 'redis-server', 'samba', 'cups-browsed'],
  'liblog4j2-java',
];
const MAIL_SERVER = 'exim4-daemon-light';

const PROOFS: readonly Proof[] = [
  {
    // Its updates come from the archive of security fixes, which debootstrap does not ask.
    suite: 'bullseye',
    packages: [...SERVERS, MAIL_SERVER, 'ca-certificates'],
    byApt: [],
    vulnerable: [/^CVE-2024-47176 cups-filters 1\.28\.7-1\+deb11u2$/],
  },
  {
    suite: 'trixie',
    packages: [...SERVERS, 'ca-certificates'],
    // It brings systemd.
    byApt: [MAIL_SERVER],
    vulnerable: [],
  },
];

interface Finding {
  readonly cves: readonly string[];
  readonly package: {
    readonly name: string;
    readonly version: string;
    readonly path: string | null;
    readonly from: string[];
  };
  readonly fixed: string | null;
  readonly confirmed: boolean;
  readonly patches: readonly string[];
}

interface Scanned {
  readonly findings: readonly Finding[];
  readonly removed: readonly { readonly id: string; readonly why: string }[];
  readonly inventory: { readonly packages: number; readonly software: number; readonly files: number };
  readonly notes: readonly string[];
}

interface Measured {
  readonly result: Scanned;
  readonly seconds: number;
  /** What it would take on a machine that does nothing else. */
  readonly processorSeconds: number;
  readonly memoryMib: number;
}

function main(): number {
  const { values } = toolOptions(USAGE, {
    options: { roots: { type: 'string', default: '/var/tmp/vpatch-roots' }, suite: { type: 'string', multiple: true } },
  });
  if (process.getuid?.() !== 0 || spawnSync('debootstrap', ['--version']).status !== 0) {
    console.error('prove: needs root, and debootstrap (apt-get install debootstrap)');
    return 3;
  }
  const work = mkdtempSync(join(tmpdir(), 'vpatch-prove-'));
  try {
    for (const proof of PROOFS) {
      if (values.suite?.includes(proof.suite) !== false) prove(proof, installed(proof, values.roots), work);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  console.log(failures === 0 ? 'proved' : `${failures} NOT proved`);
  return failures === 0 ? 0 : 1;
}

let failures = 0;

function claim(isTrue: boolean, what: string): void {
  console.log(`${isTrue ? 'yes' : 'NO '}  ${what}`);
  if (!isTrue) failures++;
}

function installed({ suite, packages, byApt }: Proof, roots: string): string {
  const root = join(roots, suite);
  const done = `${root}.complete`;
  if (existsSync(done)) return root;
  console.log(`installing ${suite} in ${root}: some minutes`);
  mkdirSync(roots, { recursive: true });
  rmSync(root, { recursive: true, force: true });
  execFileSync('debootstrap', ['--variant=minbase', `--include=${packages.join(',')}`, suite, root, MIRROR], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (byApt.length > 0) aptInstall(root, byApt);
  writeFileSync(done, '');
  return root;
}

function prove({ suite, vulnerable }: Proof, installation: string, work: string): void {
  const root = join(work, suite);
  const state = join(work, `state-${suite}`);
  execFileSync('cp', ['-a', installation, root]);
  for (const [path, content] of PLANTED) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }

  const { result, seconds, processorSeconds, memoryMib } = scanned(root, state);
  const { packages, software, files } = result.inventory;
  console.log(`\n${suite}: ${packages} packages, ${software} other components in ${files} files`);
  const times = `${processorSeconds.toFixed(1)} s of processor time, ${seconds.toFixed(1)} s`;
  claim(processorSeconds < MAX_SECONDS, `scanned in ${times}`);
  claim(memoryMib < MAX_MEMORY_MIB, `with ${memoryMib.toFixed(0)} MiB of memory`);
  claim(result.notes.length === 0, `nothing was left out: ${JSON.stringify(result.notes)}`);
  const found = result.findings.map(
    ({ cves, package: { name, version, path } }) => `${cves[0]} ${name} ${version}${path === null ? '' : ` ${path}`}`,
  );
  const expected = [...vulnerable, ...PLANTED_WEAKNESSES];
  for (const one of expected)
    claim(
      found.some((line) => one.test(line)),
      `finds ${one.source}`,
    );
  const others = found.filter((line) => !expected.some((one) => one.test(line)));
  claim(others.length === 0, `and nothing else ${others.join(', ')}`);
  const isShown = ({ package: { path, from }, patches, confirmed, fixed }: Finding): boolean =>
    (path !== null || from.length > 0) && patches.length > 0 && confirmed && fixed !== null;
  claim(result.findings.every(isShown), 'each with its evidence, its fix and its patch');
  const old = result.findings.filter(({ package: { path } }) => path === null);
  if (old.length > 0) proveUpgrade(root, state, old[0]!.package.from);
}

/** Debian's own fix, from the archive where it is: upstream's number stays as it was. */
function proveUpgrade(root: string, state: string, packages: readonly string[]): void {
  appendFileSync(
    join(root, 'etc/apt/sources.list'),
    'deb http://deb.debian.org/debian-security bullseye-security main\n',
  );
  aptInstall(root, ['--only-upgrade', ...packages]);
  const { result } = scanned(root, state);
  claim(
    result.findings.every(({ package: { name } }) => name !== 'cups-filters'),
    `after the upgrade of ${packages.join(', ')} it is not found any more`,
  );
  const removed = result.removed.map(({ id, why }) => `${id}: ${why}`);
  claim(
    removed.length === 1 &&
      /^cve-2024-47176: cups-filters is 1\.28\.7-\S+ now, was 1\.28\.7-1\+deb11u2$/.test(removed[0]!),
    `and its patch is taken back, with the reason: ${removed.join(', ')}`,
  );
}

function aptInstall(root: string, packages: readonly string[]): void {
  cpSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'), { dereference: true });
  const apt = (...args: readonly string[]): void => {
    execFileSync('chroot', [root, 'apt-get', '-qq', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive' },
    });
  };
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...packages);
}

/** As `time -v` would: the child itself says what it has used. */
const MEASURE =
  'data:text/javascript,process.on("exit",()=>process.stderr.write("USED "+JSON.stringify(process.resourceUsage())))';

function scanned(root: string, state: string): Measured {
  const args = ['--import', MEASURE, PROGRAM, 'scan', '--root', root, '--state', state, '--apply', '--json'];
  const startedMs = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const seconds = (performance.now() - startedMs) / 1000;
  if (status !== 0) throw new Error(`the scan failed: ${stderr}`);
  const used = JSON.parse(/USED (.*)/.exec(stderr)![1]!) as NodeJS.ResourceUsage;
  return {
    result: JSON.parse(stdout) as Scanned,
    seconds,
    processorSeconds: (used.userCPUTime + used.systemCPUTime) / 1e6,
    memoryMib: used.maxRSS / 1024,
  };
}

const log4j = (version: string): Buffer => mavenJar('org.apache.logging.log4j', 'log4j-core', version);
const npm = (name: string, version: string): string => JSON.stringify({ name, version });
const python = (name: string, version: string): string => `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`;

/** A vulnerable one of each kind, and a mended one beside it. */
const PLANTED: readonly (readonly [path: string, content: string | Uint8Array])[] = [
  ['srv/shop/shop.war', zipOf([{ name: 'WEB-INF/lib/log4j-core-2.14.1.jar', content: log4j('2.14.1') }])],
  ['srv/shop/lib/log4j-core-2.17.1.jar', log4j('2.17.1')],
  ['srv/web/node_modules/next/package.json', npm('next', '14.2.24')],
  ['srv/web/node_modules/vite/package.json', npm('vite', '6.2.4')],
  ['srv/other/node_modules/next/package.json', npm('next', '14.2.25')],
  ['usr/local/lib/python3/dist-packages/langflow-1.2.0.dist-info/METADATA', python('langflow', '1.2.0')],
  ['usr/local/lib/python3/dist-packages/salt-3006.9.dist-info/METADATA', python('salt', '3006.9')],
];

const PLANTED_WEAKNESSES: readonly RegExp[] = [
  /^CVE-2021-44228 org\.apache\.logging\.log4j:log4j-core 2\.14\.1 \/srv\/shop\/shop\.war!WEB-INF\/lib\/log4j-core-2\.14\.1\.jar$/,
  /^CVE-2025-29927 next 14\.2\.24 \/srv\/web\/node_modules\/next\/package\.json$/,
  /^CVE-2025-3248 langflow 1\.2\.0 \/usr\/local\/lib\/python3\/dist-packages\/langflow-1\.2\.0\.dist-info\/METADATA$/,
];

process.exitCode = main();
