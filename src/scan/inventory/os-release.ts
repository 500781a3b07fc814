import type { RootFs } from '../root-fs.ts';

export interface OperatingSystem {
  /** `debian`, `rhel` ...: the ID of os-release(5); empty where there is none. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** The ecosystem that advisories for its packages have, `Debian:11` for instance. Null: none that we know. */
  readonly ecosystem: string | null;
  /** Of the running system. */
  readonly kernel: string | null;
}

const MAX_FILE_BYTES = 64 * 1024;

/** As os-release(5) says it; where there is none, nothing is known. */
export function readOperatingSystem(fs: RootFs): OperatingSystem {
  const text = fs.readText('/etc/os-release', MAX_FILE_BYTES) ?? fs.readText('/usr/lib/os-release', MAX_FILE_BYTES);
  const values = new Map(
    Array.from((text ?? '').matchAll(/^([A-Z_]+)=(?:"([^"\n]*)"|'([^'\n]*)'|(.*))$/gm), ([, key, a, b, c]) => [
      key!,
      (a ?? b ?? c ?? '').trim(),
    ]),
  );
  const id = values.get('ID') ?? '';
  const version = values.get('VERSION_ID') ?? '';
  return {
    id,
    name: values.get('PRETTY_NAME') ?? values.get('NAME') ?? '',
    version,
    ecosystem: ecosystemOf(id, version, values.get('VERSION') ?? ''),
    kernel: fs.isLive ? (fs.readText('/proc/sys/kernel/osrelease', MAX_FILE_BYTES)?.trim() ?? null) : null,
  };
}

function ecosystemOf(id: string, version: string, longVersion: string): string | null {
  const major = version.split('.', 1)[0] ?? '';
  if (major === '') return null;
  switch (id) {
    case 'debian':
    case 'raspbian':
      return `Debian:${major}`;
    case 'ubuntu':
      return `Ubuntu:${version}${/\bLTS\b/.test(longVersion) ? ':LTS' : ''}`;
    case 'alpine':
      return `Alpine:v${version.split('.', 2).join('.')}`;
    case 'rocky':
      return `Rocky Linux:${major}`;
    case 'almalinux':
      return `AlmaLinux:${major}`;
    // CentOS has the packages of Red Hat with their versions.
    case 'rhel':
    case 'centos':
      return `Red Hat:enterprise_linux:${major}`;
    case 'fedora':
      return `Fedora:${major}`;
    case 'amzn':
      return `Amazon Linux:${major}`;
    case 'ol':
      return `Oracle Linux:${major}`;
    case 'opensuse-leap':
      return `openSUSE:Leap ${version}`;
    case 'sles':
      return `SUSE:Linux Enterprise Server ${version.replace('.', ' SP')}`;
    default:
      return null;
  }
}
