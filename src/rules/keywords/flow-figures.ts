import { TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { defineKeyword, type Keyword } from '../keyword.ts';
import type { RuleState } from '../rule-state.ts';
import { commaSeparated, isInRange, parseUintRange, type UintRange, uintRange } from '../values.ts';

const MAX_FIGURE = 2 ** 53 - 1;
const MAX_U32 = 0xffff_ffff;

function figure(name: string, summary: string, example: string, read: (state: RuleState) => number): Keyword {
  return defineKeyword({
    name,
    summary,
    example,
    parse: uintRange({ max: MAX_FIGURE }),
    compile: (range, draft) => {
      draft.conditions.push((state) => state.hasFlow && isInRange(range, read(state)));
    },
  });
}

type StreamSide = (state: RuleState, range: UintRange) => boolean;
const client: StreamSide = (state, range) => isInRange(range, state.streamBytes(TO_SERVER));
const server: StreamSide = (state, range) => isInRange(range, state.streamBytes(TO_CLIENT));
const STREAM_SIDES: Readonly<Record<string, StreamSide>> = {
  client,
  server,
  both: (state, range) => client(state, range) && server(state, range),
  either: (state, range) => client(state, range) || server(state, range),
};

const streamSize = defineKeyword({
  name: 'stream_size',
  summary: 'How many bytes a side of a TCP connection has sent: client, server, both or either, an operator, a number',
  example: 'stream_size:client,<,1000;',
  parse: (value) => {
    const [side = '', operator = '', size = '', ...more] = commaSeparated(value.text);
    const fits = STREAM_SIDES[side];
    if (fits === undefined || more.length > 0) {
      return value.fail('stream_size takes client, server, both or either, an operator and a number');
    }
    return { fits, range: parseUintRange(operator + size, MAX_U32, (message) => value.fail(message)) };
  },
  compile: ({ fits, range }, draft) => {
    draft.conditions.push((state) => state.hasFlow && fits(state, range));
  },
});

export const flowFigureKeywords = [
  figure('flow.age', 'How old the flow is, in seconds', 'flow.age:>3600;', (state) =>
    Math.floor(state.flowAgeMs() / 1000),
  ),
  figure('flow.pkts_toserver', 'Packets of the flow to the server so far', 'flow.pkts_toserver:>10;', (state) =>
    state.flowPackets(TO_SERVER),
  ),
  figure('flow.pkts_toclient', 'Packets of the flow to the client so far', 'flow.pkts_toclient:>10;', (state) =>
    state.flowPackets(TO_CLIENT),
  ),
  figure(
    'flow.bytes_toserver',
    'Bytes of the flow to the server so far, with headers',
    'flow.bytes_toserver:>1MB;',
    (state) => state.flowBytes(TO_SERVER),
  ),
  figure(
    'flow.bytes_toclient',
    'Bytes of the flow to the client so far, with headers',
    'flow.bytes_toclient:>1MB;',
    (state) => state.flowBytes(TO_CLIENT),
  ),
  streamSize,
];
