import { CompileContext } from './context.ts';
import type { Dataset } from './dataset.ts';
import { RuleDraft } from './draft.ts';
import type { RuleEnvironment } from './environment.ts';
import { RuleFault } from './fault.ts';
import type { Keyword } from './keyword.ts';
import { keywordIndex } from './keywords/index.ts';
import { whyUnsupported } from './known-names.ts';
import { nearestName } from './nearest-name.ts';
import { type ParsedOption, type ParsedRule, shortened } from './parser.ts';
import { type HeaderProtocol, readProtocol } from './protocol.ts';
import { areMet } from './requirements.ts';
import type { Rule, RulePlace } from './rule.ts';
import { buildRule } from './rule-builder.ts';
import { OptionValue } from './values.ts';

/** A rule, and the draft that it was made of. */
export interface MadeRule {
  readonly rule: Rule;
  readonly draft: RuleDraft;
}

/** Makes rules one by one. They share what they have in common, such as sets of addresses and of values. */
export class RuleCompiler {
  readonly #context: CompileContext;
  readonly #keywords: ReadonlyMap<string, Keyword>;
  /** Where a fault is, unless it says where. */
  #option: ParsedOption | null = null;

  constructor(environment: RuleEnvironment) {
    this.#context = new CompileContext(environment);
    this.#keywords = keywordIndex(environment.buffers);
  }

  /** Sets of values that rules so far look into and change, by name. */
  get datasets(): ReadonlyMap<string, Dataset> {
    return this.#context.datasets;
  }

  /** The keyword that was at work when `compile` threw; null: it was none. */
  get nameAtWork(): ParsedOption['name'] | null {
    return this.#option?.name ?? null;
  }

  /** Since the last call, did a rule look into sets of values, or into files that it names? */
  takeDataUse(): boolean {
    return this.#context.takeDataUse();
  }

  /** Null: the rule says itself that it is for another version. Throws RuleFault. */
  compile(parsed: ParsedRule, place: RulePlace): MadeRule | null {
    this.#option = null;
    if (!this.#isForUs(parsed)) return null;
    const protocol = readProtocol(parsed.protocol, this.#context.environment.knownAppProtocols);
    const header = { parsed, protocol, place };
    const draft = this.#draft(header, protocol.apps);
    return { rule: buildRule(draft, protocol, place, this.#alternatives(header, draft)), draft };
  }

  #draft({ parsed, protocol, place }: RuleHeader, apps: readonly string[] | null): RuleDraft {
    const draft = new RuleDraft(parsed, place.file, apps, this.#context);
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

  #alternatives(header: RuleHeader, { otherApps }: RuleDraft): Rule[] {
    return otherApps.flatMap((app) => {
      try {
        return [buildRule(this.#draft(header, [app]), header.protocol, header.place, [])];
      } catch (error) {
        // Something else of the rule is not for this protocol.
        if (!(error instanceof RuleFault)) throw error;
        this.#option = null;
        return [];
      }
    });
  }

  /** One that cannot be read is a fault of its keyword. */
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
}

interface RuleHeader {
  readonly parsed: ParsedRule;
  readonly protocol: HeaderProtocol;
  readonly place: RulePlace;
}
