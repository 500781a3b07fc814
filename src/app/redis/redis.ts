import { TO_SERVER } from '../../base/direction.ts';
import { type AppProtocol, type BufferDefinition, STAGE } from '../protocol.ts';
import { RedisParser } from './parser.ts';
import { probeOnPort, probeRedis, REDIS_PORT } from './probe.ts';
import type { RedisTransaction } from './transaction.ts';

/** Commands to Redis and what speaks like it (Valkey, KeyDB): framed in either version of its protocol, or typed. */
export const createRedis = (): AppProtocol<RedisTransaction> => ({
  name: 'redis',
  transports: ['tcp'],
  buffers: REDIS_BUFFERS,
  firstDirection: TO_SERVER,
  claims: (serverPort, bytes, start, end) => (serverPort === REDIS_PORT ? probeOnPort(bytes, start, end) : 'no'),
  probe: probeRedis,
  open: (sink) => new RedisParser(sink),
  // No arguments: there are passwords among them.
  describe: ({ name, argumentCount }) => ({ command: name, arguments: argumentCount - 1 }),
});

const REDIS_BUFFERS: readonly BufferDefinition<RedisTransaction>[] = [
  {
    name: 'redis.command',
    summary: 'name of a command, compared without regard to case',
    direction: TO_SERVER,
    stage: STAGE.head,
    isCaseless: true,
    read: (tx, direction, nth) => (direction === TO_SERVER && nth === 0 ? tx.argument(0) : null),
  },
  {
    name: 'redis.argument',
    summary: 'one argument of a command, without its framing and quotes',
    direction: TO_SERVER,
    stage: STAGE.head,
    isRepeated: true,
    read: (tx, direction, nth) => (direction === TO_SERVER ? tx.argument(nth + 1) : null),
  },
];
