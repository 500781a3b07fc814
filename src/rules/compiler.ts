import { type BufferDefinition, frameBuffer } from '../app/protocol.ts';
import { LOWER_CASE } from '../base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { runAll, type Steps } from '../base/steps.ts';
import { TCP_FLAG } from '../wire/tcp.ts';
import { DEFAULT_PRIORITY, UNKNOWN_CATEGORY } from './classification.ts';
import { ContentDraft } from './content-draft.ts';
import { CompileContext } from './context.ts';
import { type BufferChoice, type PacketTest, RuleDraft } from './draft.ts';
import type { RuleEnvironment } from './environment.ts';
import { chooseFastPattern } from './fast-pattern.ts';
import { RuleFault } from './fault.ts';
import { holdOf } from './hold.ts';
import type { Keyword } from './keyword.ts';
import { keywordIndex } from './keywords/index.ts';
import { whyUnsupported } from './known-names.ts';
import { type LogicalLine, logicalLines } from './lexer.ts';
import { nearestName } from './nearest-name.ts';
import { headerTest, locatorOf } from './packet-buffers.ts';
import { type ParsedOption, type ParsedRule, parseRule, shortened } from './parser.ts';
import { checkBufferProtocol, type HeaderProtocol, readProtocol } from './protocol.ts';
import { areMet } from './requirements.ts';
import type {
  BufferInspection,
  CompiledRules,
  FlowRequirement,
  Rule,
  RuleDiagnostic,
  RuleProtocol,
  Step,
} from './rule.ts';
import { OptionValue } from './values.ts';

/**
 * Compiles rule files, given as text decoded from UTF-8. A rule that cannot be loaded is a diagnostic and costs none
 * of the others. Of rules with the same gid and sid the newest revision is kept, and of equal ones the first. `observe`
 * is shown each rule that is loaded, with the draft that it was made of.
 */
export const compileRules = (
  files: readonly RuleFile[],
  environment: RuleEnvironment,
  observe: RuleObserver | null = null,
): CompiledRules => runAll(compileRulesInSteps(files, environment, observe));

/** The same, rule by rule. */
export function* compileRulesInSteps(
  files: readonly RuleFile[],
  environment: RuleEnvironment,
  observe: RuleObserver | null = null,
): Steps<CompiledRules> {
  const compiler = new Compiler(environment, observe);
  for (const { file, text } of files) {
    for (const line of logicalLines(text)) {
      compiler.add(file, line);
      yield;
    }
  }
  return compiler.finish();
}

export interface RuleFile {
  readonly file: string;
  readonly text: string;
}

export type RuleObserver = (rule: Rule, draft: RuleDraft, line: LogicalLine) => void;

interface RuleHeader {
  readonly file: string;
  readonly parsed: ParsedRule;
  readonly protocol: HeaderProtocol;
}

class Compiler {
  readonly #context: CompileContext;
  readonly #observe: RuleObserver | null;
  readonly #keywords: ReadonlyMap<string, Keyword>;
  /** By gid and sid. */
  readonly #rules = new Map<string, { rule: Rule; sidPlace: { line: number; column: number } }>();
  readonly #diagnostics: RuleDiagnostic[] = [];
  /** The one at work: where a fault is, unless it says where. */
  #option: ParsedOption | null = null;

  constructor(environment: RuleEnvironment, observe: RuleObserver | null) {
    this.#observe = observe;
    this.#context = new CompileContext(environment);
    this.#keywords = keywordIndex(environment.buffers);
  }

  finish(): CompiledRules {
    return {
      rules: [...this.#rules.values()].map(({ rule }) => rule),
      datasets: this.#context.datasets,
      diagnostics: this.#diagnostics,
    };
  }

  add(file: string, line: LogicalLine): void {
    let parsed: ParsedRule | null = null;
    this.#option = null;
    const report = (name: string | null, message: string, at: number, keyword: string | null): void => {
      const severity = name === null ? 'error' : 'warning';
      const sid = sidOf(parsed, line.text);
      this.#diagnostics.push({ file, ...line.place(at), severity, name, keyword, sid, message });
    };

    try {
      parsed = parseRule(line.text);
      if (!this.#isForUs(parsed)) return;
      const protocol = readProtocol(parsed.protocol, this.#context.environment.knownAppProtocols);
      const header = { parsed, protocol, file };
      const draft = this.#draft(header, protocol.apps);
      const rule = buildRule(draft, protocol, file, line, this.#alternatives(header, draft, file, line));
      for (const { name, message, at, keyword } of draft.warnings) report(name, message, at, keyword);
      this.#observe?.(rule, draft, line);
      this.#keep(rule, line, parsed);
    } catch (error) {
      if (!(error instanceof RuleFault)) throw error;
      const name = this.#nameAtWork;
      report(null, error.message, error.at ?? name?.at ?? 0, name?.text ?? null);
    }
  }

  get #nameAtWork(): ParsedOption['name'] | null {
    return this.#option?.name ?? null;
  }

  #draft({ parsed, protocol, file }: RuleHeader, apps: readonly string[] | null): RuleDraft {
    const draft = new RuleDraft(parsed, file, apps, this.#context);
    if (protocol.test !== null) draft.packetTests.push(protocol.test);
    for (const option of parsed.options) {
      this.#option = option;
      draft.keyword = option.name.text;
      draft.keywordAt = option.name.at;
      draft.valueAt = option.value?.at ?? option.name.at;
      this.#keyword(option).apply(new OptionValue(option), draft);
      draft.optionBuffers.push(draft.currentBuffer?.definition ?? null);
    }
    this.#option = null;
    return draft;
  }

  #alternatives(header: RuleHeader, { otherApps }: RuleDraft, file: string, line: LogicalLine): Rule[] {
    return otherApps.flatMap((app) => {
      try {
        return [buildRule(this.#draft(header, [app]), header.protocol, file, line, [])];
      } catch (error) {
        // Something else of the rule is not for this protocol.
        if (!(error instanceof RuleFault)) throw error;
        this.#option = null;
        return [];
      }
    });
  }

  /** False: the rule itself says that it is for another version. One that cannot be read is a fault of its keyword. */
  #isForUs({ options }: ParsedRule): boolean {
    return options.every(
      ({ name, value }) =>
        name.text !== 'requires' || areMet(value?.text ?? '', (keyword) => this.#keywords.has(keyword)) !== false,
    );
  }

  #keyword(option: ParsedOption): Keyword {
    const name = option.name.text;
    const keyword = this.#keywords.get(name);
    if (keyword !== undefined) return keyword;
    const refusal = whyUnsupported(name);
    if (refusal !== null) throw new RuleFault(refusal);
    const near = nearestName(name, this.#keywords.keys());
    const advice = near === null ? '' : `: did you mean ${near}?`;
    throw new RuleFault(`there is no keyword "${shortened(name)}"${advice}`);
  }

  #keep(rule: Rule, line: LogicalLine, parsed: ParsedRule): void {
    const key = `${rule.gid}:${rule.sid}`;
    const sidOption = parsed.options.find((option) => option.name.text === 'sid');
    const sidPlace = line.place(sidOption?.name.at ?? 0);
    const before = this.#rules.get(key);
    if (before === undefined) {
      this.#rules.set(key, { rule, sidPlace });
      return;
    }
    const isNewer = rule.rev > before.rule.rev;
    const [kept, lost] = isNewer ? [{ rule, sidPlace }, before] : [before, { rule, sidPlace }];
    const isSame = kept.rule.rev === lost.rule.rev;
    const message = isSame
      ? `${key} is there already, in ${kept.rule.file} line ${kept.rule.line}`
      : `revision ${kept.rule.rev} of ${key} is used instead, in ${kept.rule.file} line ${kept.rule.line}`;
    this.#diagnostics.push({
      file: lost.rule.file,
      ...lost.sidPlace,
      severity: isSame ? 'error' : 'warning',
      name: isSame ? null : 'duplicate-sid',
      keyword: 'sid',
      sid: rule.sid,
      message,
    });
    // The newer one takes its own place in the order, as if the older had not been there.
    if (isNewer) {
      this.#rules.delete(key);
      this.#rules.set(key, kept);
    }
  }
}

/** For diagnostics, also of rules that could not be taken apart. */
function sidOf(parsed: ParsedRule | null, text: string): number | null {
  const written =
    parsed === null
      ? /[(;]\s*sid\s*:\s*(\d{1,10})\s*;/.exec(text)?.[1]
      : parsed.options.find((option) => option.name.text === 'sid')?.value?.text;
  return written !== undefined && /^\d{1,10}$/.test(written) ? Number(written) : null;
}

/** Every set of TCP flags with ACK and without SYN, FIN and RST. */
const MIDDLE_FLAGS = Array.from({ length: 256 }, (_, flags) => flags).filter(
  (flags) => (flags & (TCP_FLAG.syn | TCP_FLAG.fin | TCP_FLAG.rst | TCP_FLAG.ack)) === TCP_FLAG.ack,
);

function buildRule(
  draft: RuleDraft,
  protocol: RuleProtocol,
  file: string,
  line: LogicalLine,
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
    flow,
    shownProtocols: settled(draft.shownProtocols),
    packetTests: settled([...draft.packetTests, ...headerTests(draft)]),
    fitsTcpMiddle: draft.takesTcp && MIDDLE_FLAGS.some((flags) => draft.tcpFlagTests.every((fits) => fits(flags))),
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
    line: line.line,
    text: line.text,
  };
}

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
