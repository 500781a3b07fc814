import { NO_PROTOCOL } from '../../app/session.ts';
import { defineKeyword } from '../keyword.ts';
import { readProtocol } from '../protocol.ts';
import type { FlowRequirement } from '../rule.ts';
import { commaSeparated, word } from '../values.ts';

/** Each option, and what it stands for. Two that set the same thing to different values contradict each other. */
const OPTIONS = {
  to_server: { direction: 'toserver' },
  from_client: { direction: 'toserver' },
  to_client: { direction: 'toclient' },
  from_server: { direction: 'toclient' },
  established: { state: 'established' },
  not_established: { state: 'not_established' },
  stateless: { state: 'stateless' },
  only_stream: { stream: 'only_stream' },
  no_stream: { stream: 'no_stream' },
  only_frag: { fragment: 'only_frag' },
  no_frag: { fragment: 'no_frag' },
} as const;

type Requirement = FlowRequirement & { readonly fragment: 'only_frag' | 'no_frag' | null };

const flow = defineKeyword({
  name: 'flow',
  summary: 'Direction and state of the flow: to_server, to_client, established, not_established, stateless, ...',
  example: 'flow:established,to_server;',
  parse: (value): Requirement => {
    const result: Record<string, string> = {};
    const saidBy: Record<string, string> = {};
    for (const item of commaSeparated(value.text)) {
      const name = item.toLowerCase();
      if (!Object.hasOwn(OPTIONS, name))
        value.fail(`"${item}" is no option of flow: ${Object.keys(OPTIONS).join(', ')}`);
      for (const [key, setting] of Object.entries(OPTIONS[name as keyof typeof OPTIONS])) {
        if (result[key] === setting) value.fail(`flow says ${item} twice`);
        if (result[key] !== undefined) value.fail(`flow cannot be ${item} and ${saidBy[key]}`);
        result[key] = setting;
        saidBy[key] = item;
      }
    }
    return { direction: null, state: null, stream: null, fragment: null, ...result };
  },
  compile: ({ fragment, ...requirement }, draft) => {
    if (draft.flow !== null) draft.fail('flow is there twice');
    draft.flow = requirement;
    if (fragment === 'only_frag') draft.testPacket((packet) => packet.isFragment);
    if (fragment === 'no_frag') draft.testPacket((packet) => !packet.isFragment);
  },
});

const appLayerProtocol = defineKeyword({
  name: 'app-layer-protocol',
  summary: "What this side's own bytes show is, or (!) is not, this protocol; `failed` is none that is known",
  example: 'app-layer-protocol:!http;',
  parse: (value) => {
    const text = word(value);
    const isNegated = text.startsWith('!');
    return { text: text.slice(isNegated ? 1 : 0).trim(), isNegated };
  },
  compile: ({ text, isNegated }, draft) => {
    const known = draft.context.environment.knownAppProtocols;
    const apps = text === NO_PROTOCOL ? [text] : readProtocol({ text, at: draft.valueAt }, known).apps;
    const names = apps ?? draft.fail(`${text} is no application protocol`, draft.valueAt);
    if (draft.apps !== null) draft.fail(`the rule is for ${draft.apps[0]} already`);
    const others = draft.shownProtocols;
    if (others.some((other) => other.isNegated !== isNegated || !isNegated)) {
      draft.fail('app-layer-protocol names one protocol, or several with !');
    }
    others.push({ names, isNegated });
  },
});

export const flowKeywords = [flow, appLayerProtocol];
