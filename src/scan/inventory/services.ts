import type { RootFs } from '../root-fs.ts';

/** systemd.unit(5): links that "systemctl enable" makes. */
const FOLDERS = ['/etc/systemd/system', '/usr/lib/systemd/system'];

/** The services that start with the system. */
export function enabledServices(fs: RootFs): string[] {
  const names = FOLDERS.flatMap((folder) =>
    fs
      .list(folder)
      .entries.filter(({ name }) => name.endsWith('.wants'))
      .flatMap((wants) => fs.list(`${folder}/${wants.name}`).entries.map(({ name }) => name)),
  );
  return [...new Set(names.filter((name) => name.endsWith('.service')))].sort();
}
