import { FILE_DIGESTS } from '../app/files.ts';
import { EVENT_TYPES } from '../output/event-types.ts';
import { RECORD_TYPES } from '../output/record-types.ts';
import { SYSLOG_FACILITIES, SYSLOG_FORMATS } from '../output/syslog.ts';
import { allOr, duration, expecting, key, list, oneOf, section, size, text } from './schema-parts.ts';

const KIB = 1024;
const GIB = 1024 ** 3;

const eventTypes = allOr(list(`of ${EVENT_TYPES.join(', ')}`, oneOf(EVENT_TYPES)));

/** sun_path of unix(7), with its NUL. */
const MAX_SOCKET_PATH_BYTES = 107;

const unixSocket = expecting<string | null>('the path of a Unix socket, or none', (value) => {
  if (value === 'none') return null;
  if (typeof value !== 'string' || !/^[/@]./.test(value)) return undefined;
  return Buffer.byteLength(value) <= MAX_SOCKET_PATH_BYTES ? value : undefined;
});

/** The block `outputs`: where events go. */
export const outputsSchema = section({
  eve: key(
    'eve',
    section({
      file: key('file', text('the path of a file, or - for standard output')),
      buffer: key('bufferBytes', size(64 * KIB, GIB)),
      'stats-interval': key('statsIntervalMs', duration()),
      records: key('records', allOr(list('types of records', oneOf(RECORD_TYPES)))),
      'file-hashes': key('fileHashes', list('hash functions', oneOf(FILE_DIGESTS))),
    }),
  ),
  syslog: key(
    'syslog',
    section({
      socket: key('socket', unixSocket),
      format: key('format', oneOf(SYSLOG_FORMATS)),
      facility: key('facility', oneOf(SYSLOG_FACILITIES)),
      types: key('types', eventTypes),
    }),
  ),
  socket: key(
    'socket',
    section({
      path: key('path', unixSocket),
      kind: key('kind', oneOf(['stream', 'datagram'])),
      types: key('types', eventTypes),
    }),
  ),
});
