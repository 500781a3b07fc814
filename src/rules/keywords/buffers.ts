import { BufferSizeStep } from '../condition-steps.ts';
import type { BufferChoice } from '../draft.ts';
import { defineKeyword, type Keyword } from '../keyword.ts';
import { nothing, parseUintRange } from '../values.ts';

/** Old modifiers: they move the content before them into a buffer. */
export const BUFFER_MODIFIERS: Readonly<Record<string, string>> = {
  http_uri: 'http.uri',
  http_raw_uri: 'http.uri.raw',
  http_header: 'http.header',
  http_raw_header: 'http.header.raw',
  http_method: 'http.method',
  http_cookie: 'http.cookie',
  http_user_agent: 'http.user_agent',
  http_host: 'http.host',
  http_raw_host: 'http.host.raw',
  http_client_body: 'http.request_body',
  http_server_body: 'http.response_body',
  http_stat_code: 'http.stat_code',
  http_stat_msg: 'http.stat_msg',
};

const modifierKeywords = Object.entries(BUFFER_MODIFIERS).map(([name, buffer]) =>
  defineKeyword({
    name,
    summary: `Old form of ${buffer}: the content before it is looked for there`,
    example: `content:"x"; ${name};`,
    parse: nothing,
    compile: (_, draft) => draft.moveLastContent(name, buffer),
  }),
);

const pktData = defineKeyword({
  name: 'pkt_data',
  summary: 'What follows looks into the payload again',
  example: 'file.data; content:"x"; pkt_data; content:"y";',
  parse: nothing,
  compile: (_, draft) => draft.enterBuffer(null),
});

/** Suricata counts a longer URI as one of this length. */
const MAX_URI_BYTES = 65_535;

const urilen = defineKeyword({
  name: 'urilen',
  summary: 'Length of the URI in bytes, normalised or (raw) as sent',
  example: 'urilen:>200;',
  parse: (value) => {
    const [size = '', form = 'norm', ...rest] = value.text.split(',').map((item) => item.trim());
    if (rest.length > 0 || (form !== 'norm' && form !== 'raw')) value.fail('urilen takes a length, then norm or raw');
    return { range: parseUintRange(size, MAX_URI_BYTES, (message) => value.fail(message)), isRaw: form === 'raw' };
  },
  compile: ({ range, isRaw }, draft) => {
    const choice = draft.chooseBuffer(isRaw ? 'http.uri.raw' : 'http.uri');
    draft.addStep(
      { isMonotone: true, build: () => new BufferSizeStep(range, MAX_URI_BYTES) },
      draft.inspection(choice),
    );
  },
});

export const bufferKeywords = [...modifierKeywords, pktData, urilen];

/**
 * One keyword for each name of a buffer. An alias that is a keyword of its own, such as the old modifier `http_uri`,
 * stays that.
 */
export function stickyBufferKeywords(buffers: readonly BufferChoice[], taken: ReadonlySet<string>): Keyword[] {
  const keywords = new Map<string, Keyword>();
  for (const { definition } of buffers) {
    if (definition.isInternal === true) continue;
    const aliases = (definition.aliases ?? []).filter((alias) => !taken.has(alias));
    for (const name of [definition.name, ...aliases]) {
      if (keywords.has(name)) continue;
      const again = definition.isRepeated === true ? '; named again, it may be another one' : '';
      const summary = name === definition.name ? definition.summary + again : `Other name of ${definition.name}`;
      const sticky = defineKeyword({
        name,
        summary,
        example: `${name}; content:"x";`,
        parse: nothing,
        compile: (_, draft) => draft.enterBuffer(name),
      });
      keywords.set(name, sticky);
    }
  }
  return [...keywords.values()];
}
