import type { BufferDefinition } from '../app/protocol.ts';
import type { Packet } from '../wire/packet.ts';
import type { Base64Draft } from './base64-step.ts';
import type { ByteVariable } from './byte-variable.ts';
import type { ContentDraft } from './content-draft.ts';
import type { CompileContext } from './context.ts';
import { RuleFault } from './fault.ts';
import type { ParsedRule } from './parser.ts';
import type { AddressTest, FlowRequirement, Step, Tag } from './rule.ts';
import { STATE_KINDS, type StateCondition, type StateEffect, type StateKind, type StateUse } from './rule-state.ts';
import type { Threshold } from './threshold.ts';
import type { Transform } from './transforms.ts';
import type { UintRange } from './values.ts';

export type PacketTest = (packet: Packet) => boolean;

/** A buffer of some protocol's transactions. */
export interface BufferChoice {
  /** Empty: it belongs to no transactions. */
  readonly protocol: string;
  readonly definition: BufferDefinition;
}

/** A step whose modifiers may still come. */
export interface StepDraft {
  /** A later cursor never makes it match earlier. False for what jumps, or remembers a value for later steps. */
  readonly isMonotone: boolean;
  /** `isChainMonotone`: so are all steps before it on this buffer. */
  build(isChainMonotone: boolean): Step;
}

/** A `pcre`, for whoever looks at the rule and not at traffic. */
export interface ExpressionDraft {
  readonly pattern: string;
  /** See REGEX_FLAG. */
  readonly flags: number;
  readonly isNegated: boolean;
  /** Null: the payload. */
  readonly buffer: string | null;
  readonly at: number;
}

export interface InspectionDraft {
  readonly choice: BufferChoice | null;
  readonly steps: StepDraft[];
}

/** What is to be said of a rule that is loaded all the same. */
export interface RuleRemark {
  readonly name: string;
  readonly message: string;
  readonly keyword: string | null;
  readonly at: number;
}

/** A rule in the making: keywords add to it one after the other. */
export class RuleDraft {
  readonly context: CompileContext;
  readonly parsed: ParsedRule;
  /** Where the rule stands. */
  readonly file: string;
  readonly warnings: RuleRemark[] = [];
  /** The keyword at work, and where it stands in the rule. */
  keyword: string | null = null;
  keywordAt = 0;
  /** Where its value stands; the keyword, where there is none. */
  valueAt = 0;

  message: string | null = null;
  sid: number | null = null;
  gid: number | null = null;
  rev: number | null = null;
  classtype: string | null = null;
  priority: number | null = null;
  readonly references: { readonly type: string; readonly id: string }[] = [];
  /** Of all `metadata`, with commas between them. */
  metadataText = '';
  target: 'src_ip' | 'dest_ip' | null = null;
  isSilent = false;
  /** `bypass`. */
  bypassesFlow = false;
  /** `alert`: even a `pass` is told of. */
  isLoud = false;
  flow: FlowRequirement | null = null;
  readonly shownProtocols: { readonly names: readonly string[]; readonly isNegated: boolean }[] = [];
  readonly packetTests: PacketTest[] = [];
  /** `ip_proto`: the number of the IP protocol must be in all of them. `packetTests` ask for it too. */
  readonly ipProtocolRanges: UintRange[] = [];
  /** Those of `packetTests` that ask for TCP flags alone. */
  readonly tcpFlagTests: ((flags: number) => boolean)[] = [];
  readonly expressions: ExpressionDraft[] = [];
  readonly addressTests: AddressTest[] = [];
  /** What the rule leaves behind is another thing with each match. */
  isForEachPacket = false;
  readonly packetEvents: string[] = [];
  readonly appEvents: string[] = [];
  readonly thresholds: Threshold[] = [];
  readonly tags: Tag[] = [];
  readonly conditions: StateCondition[] = [];
  readonly effects: StateEffect[] = [];
  readonly #asked = new Set<StateKind>();
  readonly #changed = new Set<StateKind>();
  /**
   * The protocols that the rule is for; from its header, else from the first buffer. All of them have the buffers that
   * it looks into. Null: that is not known.
   */
  apps: readonly string[] | null;
  /** Where the rule does not say which protocol it means: those that have buffers of the same names, and other ones. */
  otherApps: readonly string[] = [];

  readonly inspections: InspectionDraft[] = [];
  /** Of each option of `parsed`: the sticky buffer behind which it stands, or which it is; null: the payload. */
  readonly optionBuffers: (BufferDefinition | null)[] = [];
  readonly byteVariables = new Map<string, ByteVariable>();
  /** The content that modifiers such as `nocase` speak of. */
  lastContent: ContentDraft | null = null;
  fastPattern: ContentDraft | null = null;
  base64: Base64Draft | null = null;
  #sticky: BufferChoice | null = null;
  #stickyAt = 0;
  #lastInspection: InspectionDraft | null = null;

  constructor(parsed: ParsedRule, file: string, apps: readonly string[] | null, context: CompileContext) {
    this.parsed = parsed;
    this.file = file;
    this.apps = apps;
    this.context = context;
  }

  /** Null: the payload. */
  get currentBuffer(): BufferChoice | null {
    return this.#sticky;
  }

  fail(message: string, at: number | null = null): never {
    throw new RuleFault(message, at);
  }

  /** `name`: see RuleDiagnostic. */
  warn(message: string, name = 'remark'): void {
    this.warnings.push({ name, message, keyword: this.keyword, at: this.keywordAt });
  }

  /** What follows looks into this buffer; null leads back to the payload. */
  enterBuffer(name: string | null): void {
    this.checkStickyIsUsed();
    this.#enter(name === null ? null : this.chooseBuffer(name));
  }

  /** What follows looks into a frame. Suricata looks into nothing else then, and neither do we. */
  enterFrame(buffer: string, name: string): void {
    this.checkStickyIsUsed();
    if (this.apps === null && !name.includes('.')) this.fail(`frame needs the protocol of "${name}", as in tls.pdu`);
    if (!this.context.buffersByName.has(buffer)) this.fail(`there is no frame "${name}"`, this.valueAt);
    this.#enter(this.chooseBuffer(buffer));
  }

  /** What follows looks into a header of the packet, or what was decoded from it. */
  enterPacketBuffer(choice: BufferChoice): void {
    this.checkStickyIsUsed();
    this.#enter(choice);
  }

  /** What follows looks into what the transform makes of the sticky buffer. `key` names it with its arguments. */
  transformBuffer(key: string, make: () => Transform): void {
    const sticky = this.#sticky ?? this.fail(`${this.keyword} needs a sticky buffer before it`);
    if (sticky.protocol === '' || sticky.definition.isFrame === true)
      this.fail(`${this.keyword} cannot be used on ${sticky.definition.name}`);
    if (this.#lastInspection !== null) this.fail(`${this.keyword} must stand right behind its sticky buffer`);
    this.#enter(this.context.transformed(sticky, key, make));
  }

  #enter(choice: BufferChoice | null): void {
    this.#sticky = choice;
    this.#stickyAt = this.keywordAt;
    this.lastContent = null;
    this.#lastInspection = null;
    if (choice?.definition.isRepeated === true && this.inspection(choice).steps.length > 0) {
      this.inspections.push({ choice, steps: [] });
    }
  }

  /** Suricata refuses a sticky buffer that nothing looks into before the next one. */
  checkStickyIsUsed(): void {
    if (this.#sticky !== null && this.inspection(this.#sticky).steps.length === 0) {
      this.fail(
        `nothing looks into ${this.#sticky.definition.name}: it needs a match before the next buffer`,
        this.#stickyAt,
      );
    }
  }

  /** Of several protocols' buffers of one name: the one of the rule's protocols, else the first. */
  chooseBuffer(name: string): BufferChoice {
    const choices = this.context.buffersByName.get(name) ?? [];
    const { apps } = this;
    const choice = apps === null ? choices[0] : choices.find(({ protocol }) => apps.includes(protocol));
    if (choice === undefined) {
      if (choices.length === 0) this.fail(`there is no buffer ${name}: its protocol is not inspected yet`);
      const having = choices.map(({ protocol }) => protocol).join(', ');
      this.fail(`${name} belongs to ${having}, and the rule is for ${apps?.[0]}`);
    }
    const possible = apps === null ? null : [...apps, ...this.otherApps];
    const owners = choices.filter(({ protocol }) => possible?.includes(protocol) ?? true);
    const names = (isSame: boolean): string[] =>
      owners.filter(({ definition }) => (definition === choice.definition) === isSame).map(({ protocol }) => protocol);
    this.apps = names(true).filter((app) => apps?.includes(app) ?? true);
    this.otherApps = names(false);
    return choice;
  }

  /** The rule is for these protocols alone. False: it is for none of them. */
  narrow(apps: readonly string[]): boolean {
    const left = this.apps === null ? apps : this.apps.filter((app) => apps.includes(app));
    if (left.length === 0) return false;
    this.apps = left;
    this.otherApps = this.otherApps.filter((app) => apps.includes(app));
    return true;
  }

  inspection(choice: BufferChoice | null): InspectionDraft {
    const definition = choice?.definition ?? null;
    const found = this.inspections.findLast((inspection) => (inspection.choice?.definition ?? null) === definition);
    if (found !== undefined) return found;
    const inspection = { choice, steps: [] };
    this.inspections.push(inspection);
    return inspection;
  }

  /**
   * Where a step belongs that is no content: to the sticky buffer; without one, a relative step goes where the last
   * step looks, which an old modifier may have moved, and any other to the payload.
   */
  inspectionFor(isRelative: boolean): InspectionDraft {
    if (this.#sticky !== null || !isRelative) return this.inspection(this.#sticky);
    return this.#lastInspection ?? this.inspection(null);
  }

  addStep(step: StepDraft, inspection = this.inspection(this.#sticky)): void {
    inspection.steps.push(step);
    this.#lastInspection = inspection;
  }

  addContent(content: ContentDraft): void {
    if (this.#sticky?.definition.isCaseless === true) content.isCaseless = true;
    this.addStep(content);
    this.lastContent = content;
  }

  /** Adds a condition on a packet's header or size; the rule is then about single packets, as in Suricata. */
  testPacket(test: PacketTest): void {
    this.packetTests.push(test);
  }

  /** Adds a condition on addresses, which are the same for all packets of a flow. */
  testAddresses(test: AddressTest): void {
    this.addressTests.push(test);
  }

  askState(kind: StateKind, condition: StateCondition): void {
    this.#asked.add(kind);
    this.conditions.push(condition);
  }

  changeState(kind: StateKind, effect: StateEffect): void {
    this.#changed.add(kind);
    this.effects.push(effect);
  }

  /** The same, of what is another thing with each match. */
  changeStateAnew(kind: StateKind, effect: StateEffect): void {
    this.changeState(kind, effect);
    this.isForEachPacket = true;
  }

  /** See StateUse. */
  get stateUse(): StateUse {
    if (this.#asked.size === 0 && this.#changed.size === 0) return NO_STATE;
    return STATE_KINDS.map((kind) => {
      if (this.#changed.has(kind)) return this.#asked.has(kind) ? 2 : 3;
      return this.#asked.has(kind) ? 1 : 0;
    });
  }

  /** The content before a modifier. */
  contentFor(keyword: string): ContentDraft {
    return (
      this.lastContent ??
      this.fail(
        `${keyword} needs a content before it${this.#sticky === null ? '' : ` in ${this.#sticky.definition.name}`}`,
      )
    );
  }

  /** `http_uri` and its like: the last content of the payload moves to a buffer. */
  moveLastContent(keyword: string, bufferName: string): void {
    if (this.#sticky !== null) {
      this.fail(
        `${keyword} cannot follow a sticky buffer (${this.#sticky.definition.name}): write ${bufferName} before the content, or pkt_data`,
      );
    }
    const content = this.contentFor(keyword);
    if (content.isRaw) this.fail(`${keyword} cannot be used with rawbytes`);
    const payload = this.inspection(null);
    const index = payload.steps.indexOf(content);
    if (index < 0) this.fail(`the content before ${keyword} already belongs to another buffer`);
    payload.steps.splice(index, 1);
    this.addStep(content, this.inspection(this.chooseBuffer(bufferName)));
  }

  variable(name: string): ByteVariable {
    const variable = this.byteVariables.get(name);
    return variable ?? this.fail(`no byte_extract or byte_math before this names "${name}"`, this.valueAt);
  }

  /** A number as written, or the variable of that name. */
  numberOrVariable(text: string, min: number, max: number): number | ByteVariable {
    if (!/^[+-]?\d/.test(text)) return this.variable(text);
    const number = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    return this.fail(`"${text}" is no whole number from ${min} to ${max}`, this.valueAt);
  }
}

const NO_STATE: StateUse = STATE_KINDS.map(() => 0);
