import type { Component } from './inventory/component.ts';
import { fileOf, type Inventory, type UsingProcess } from './inventory/inventory.ts';
import type { Listener } from './inventory/processes.ts';

/** Who could reach a component on the running system. */
export interface Exposure {
  /**
   * `network`: a process that uses it listens to others; `local`: only to this host; `idle`: none that listens uses it;
   * `unknown`: an image runs nothing.
   */
  readonly state: 'network' | 'local' | 'idle' | 'unknown';
  readonly processes: readonly { readonly pid: number; readonly name: string }[];
  readonly listeners: readonly Listener[];
}

/** Whether something that listens uses the component, and who can reach that. */
export function exposureOf(component: Component, inventory: Inventory): Exposure {
  if (!inventory.isLive) return { state: 'unknown', processes: [], listeners: [] };
  const users = inventory.processes.filter((process) => isUsedBy(component, process));
  const listeners = users.flatMap((process) => process.listeners);
  return {
    state: listeners.length === 0 ? 'idle' : listeners.some(({ isLocal }) => !isLocal) ? 'network' : 'local',
    processes: users.map(({ pid, name }) => ({ pid, name })),
    listeners: [...new Map(listeners.map((listener) => [`${listener.protocol} ${listener.port}`, listener])).values()],
  };
}

function isUsedBy(component: Component, process: UsingProcess): boolean {
  if (component.path === null)
    return process.packages.has(component.name) || process.packages.has(component.owner?.source ?? '');
  // A page in PHP is open only while it is served.
  if (component.ecosystem === 'Packagist' || /\.(?:php|inc)$/.test(component.path))
    return WEB_SERVERS.test(process.name);
  const home = homeOf(component.path);
  for (const file of process.files) if (file === home || file.startsWith(`${home}/`)) return true;
  return false;
}

const WEB_SERVERS = /^(?:apache2|httpd|nginx|openresty|lighttpd|caddy|php-fpm[\d.]*|php-cgi[\d.]*|frankenphp)$/;

/** The file or folder that a process which uses the component has something of open. */
function homeOf(path: string): string {
  const file = fileOf(path);
  for (const mark of ['/node_modules/', '/META-INF/', '/WEB-INF/']) {
    const at = file.indexOf(mark);
    if (at > 0) return file.slice(0, at);
  }
  return /^(.*)\/(?:site|dist)-packages\//.exec(file)?.[1] ?? /^(.*)\/specifications\//.exec(file)?.[1] ?? file;
}
