import { type BufferDefinition, frameBuffer } from '../app/protocol.ts';
import { LOWER_CASE } from '../base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { TCP_FLAG } from '../wire/tcp.ts';
import { DEFAULT_PRIORITY, UNKNOWN_CATEGORY } from './classification.ts';
import { ContentDraft } from './content-draft.ts';
import type { BufferChoice, PacketTest, RuleDraft } from './draft.ts';
import { chooseFastPattern } from './fast-pattern.ts';
import { holdOf } from './hold.ts';
import { headerTest, locatorOf } from './packet-buffers.ts';
import { checkBufferProtocol } from './protocol.ts';
import type { BufferInspection, FlowRequirement, Rule, RulePlace, RuleProtocol, Step } from './rule.ts';

/** What the keywords have put together. Throws RuleFault where it makes no rule. */
export function buildRule(
  draft: RuleDraft,
  protocol: RuleProtocol,
  { file, line, text }: RulePlace,
  alternatives: readonly Rule[],
): Rule {
  const { parsed } = draft;
  const { headerSets, environment } = draft.context;
  if (draft.sid === null) draft.fail('the rule has no sid', 0);
  draft.checkStickyIsUsed();
  checkBufferProtocol(draft, protocol);
  const frame = frameOf(draft);
  checkHostPatterns(draft);

  const metadata = draft.context.metadata(draft.metadataText);
  const classification = draft.classtype === null ? undefined : environment.classifications.get(draft.classtype);
  const flow = flowOf(draft);
  if (protocol.scope === 'packet' && flow.stream === 'only_stream') {
    draft.fail('the rule is for packets only, and flow says only_stream', 0);
  }
  return {
    action: parsed.action,
    gid: draft.gid ?? 1,
    sid: draft.sid,
    rev: draft.rev ?? 0,
    message: draft.message ?? '',
    classtype: draft.classtype,
    category: classification?.description ?? (draft.classtype === null ? '' : UNKNOWN_CATEGORY),
    priority: draft.priority ?? classification?.priority ?? DEFAULT_PRIORITY,
    references: settled(draft.references),
    metadata,
    hold: holdOf(metadata),
    isSilent: draft.isSilent || (parsed.action === 'pass' && !draft.isLoud),
    bypassesFlow: draft.bypassesFlow,
    ...(draft.target === null ? {} : { target: draft.target }),
    protocol: {
      ipProtocols: protocol.ipProtocols,
      apps: draft.apps,
      scope: protocol.scope,
      name: protocol.name,
    },
    source: headerSets.addresses(parsed.source),
    destination: headerSets.addresses(parsed.destination),
    sourcePorts: headerSets.ports(parsed.sourcePorts),
    destinationPorts: headerSets.ports(parsed.destinationPorts),
    isBidirectional: parsed.isBidirectional,
    addressTests: settled(draft.addressTests),
    isForEachPacket:
      draft.isForEachPacket || headerSets.negates(parsed.source) || headerSets.negates(parsed.destination),
    flow,
    shownProtocols: settled(draft.shownProtocols),
    packetTests: settled([...draft.packetTests, ...headerTests(draft)]),
    ipProtocolRanges: settled(draft.ipProtocolRanges),
    fitsTcpMiddle: MIDDLE_FLAGS.some((flags) => draft.tcpFlagTests.every((fits) => fits(flags))),
    packetEvents: settled(draft.packetEvents),
    appEvents: settled(draft.appEvents),
    conditions: settled(draft.conditions),
    effects: settled(draft.effects),
    stateUse: draft.stateUse,
    tags: draft.tags,
    ...environment.thresholds.applyTo(draft.gid ?? 1, draft.sid, draft.thresholds),
    frame,
    inspections: settled(
      draft.inspections.filter(({ choice, steps }) => steps.length > 0 && choice?.protocol !== '').map(buildInspection),
    ),
    fastPattern: chooseFastPattern(draft),
    alternatives: settled(alternatives),
    file,
    line,
    text,
  };
}

/** Every set of TCP flags with ACK and without SYN, FIN and RST. */
const MIDDLE_FLAGS = Array.from({ length: 256 }, (_, flags) => flags).filter(
  (flags) => (flags & (TCP_FLAG.syn | TCP_FLAG.fin | TCP_FLAG.rst | TCP_FLAG.ack)) === TCP_FLAG.ack,
);

const NOTHING: readonly never[] = [];

/** A list as long as it is: one that was pushed to has room for 17, and a large set of rules has 200,000 lists. */
const settled = <T>(list: readonly T[]): readonly T[] => (list.length === 0 ? NOTHING : list.slice());

/** The name of the frame that the rule looks into. As in Suricata, such a rule looks into nothing else. */
function frameOf(draft: RuleDraft): string | null {
  const looked = draft.inspections.filter(({ steps }) => steps.length > 0).map(({ choice }) => choice);
  const frame = looked.find((choice) => choice?.definition.isFrame === true)?.definition;
  if (frame === undefined) return null;
  if (looked.some((choice) => choice?.definition !== frame) || draft.appEvents.length > 0) {
    draft.fail('a rule that looks into a frame can look into nothing else', 0);
  }
  return frame.aliases![0]!.slice(frameBuffer('').length);
}

/** What looks into headers is a condition on packets. */
function headerTests({ inspections }: RuleDraft): PacketTest[] {
  return inspections.flatMap((inspection) => {
    const locate = locatorOf(inspection.choice);
    return locate === null ? [] : [headerTest(locate, buildInspection(inspection).steps)];
  });
}

/** The buffer is in lower case: a pattern with an upper-case letter can never match, and Suricata refuses it. */
function checkHostPatterns(draft: RuleDraft): void {
  const steps = draft.inspections.find(({ choice }) => choice?.definition.name === 'http.host')?.steps ?? [];
  for (const step of steps) {
    if (!(step instanceof ContentDraft)) continue;
    if (!step.isCaseless && step.bytes.some((byte) => LOWER_CASE[byte] !== byte)) {
      draft.fail('http.host is in lower case, and the content has an upper-case letter', step.at);
    }
  }
}

function buildInspection({ choice, steps }: RuleDraft['inspections'][number]): BufferInspection {
  let isChainMonotone = true;
  const built: Step[] = [];
  for (const step of steps) {
    built.push(step.build(isChainMonotone));
    isChainMonotone &&= step.isMonotone;
  }
  return {
    buffer: bufferOf(choice),
    steps: settled(built),
    hasFixedPlace: steps.some((step) => step instanceof ContentDraft && step.isPlaced),
  };
}

/** The bytes of a frame are given to its rules as a payload is. */
const bufferOf = (choice: BufferChoice | null): BufferDefinition | null =>
  choice === null || choice.definition.isFrame === true ? null : choice.definition;

/** A buffer that exists in one direction only decides the rule's direction, as in Suricata. */
function flowOf(draft: RuleDraft): FlowRequirement {
  const flow = draft.flow ?? { direction: null, state: null, stream: null };
  const directions = new Set(draft.inspections.map(({ choice }) => choice?.definition.direction ?? null));
  const isRequest = directions.has(TO_SERVER);
  const isResponse = directions.has(TO_CLIENT);
  if (isRequest && isResponse) draft.fail('the rule looks into buffers of both directions, and no message has both', 0);
  if (!isRequest && !isResponse) return flow;
  const direction = isRequest ? 'toserver' : 'toclient';
  if (flow.direction !== null && flow.direction !== direction) {
    draft.fail(`flow says ${flow.direction}, and the rule's buffers exist ${direction} only`, 0);
  }
  return { ...flow, direction };
}
