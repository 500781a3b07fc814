import { addon } from './addon.ts';

/**
 * One datagram to a Unix socket; a path that begins with `@` is an abstract name. Throws what the system says, with its
 * number as `errno` (os.constants.errno). Never waits.
 */
export const sendDatagram = (path: string, text: string): void => addon.sendDatagram(path, text);
