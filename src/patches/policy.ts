import { createHash } from 'node:crypto';
import { z } from 'zod';
import { withHold } from '../rules/hold.ts';
import type { RulePin } from '../rules/selection/pins.ts';
import { blocks } from '../verdict/judge.ts';
import { PRESETS } from './description.ts';
import type { Offer } from './offer.ts';

/** What a user has fixed, whatever a scan says. */
export const PINS = ['on', 'off', 'detect', 'soak'] as const satisfies readonly RulePin[];
export type Pin = (typeof PINS)[number];

const choice = z.object({ id: z.string(), because: z.array(z.string()) });
const pins = z.record(z.string(), z.enum(PINS));

export const policySchema = z.object({
  /** The beginning of the digest of its rules: the same rules are the same policy. */
  version: z.string().regex(/^[0-9a-f]{12}$/),
  createdMs: z.number(),
  preset: z.enum(PRESETS),
  /** What the scan has assigned, and why. */
  choices: z.array(choice),
  pins,
  /** What is in force: the choices as the pins have them. */
  items: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      /** `detect`, `soak`: its rules report and do not block. */
      mode: z.enum(['on', 'detect', 'soak']),
      because: z.array(z.string()),
      rules: z.number(),
    }),
  ),
});

/** Which virtual patches are on, and why. */
export type PatchPolicy = z.output<typeof policySchema>;
export type Choice = z.output<typeof choice>;
export type Pins = z.output<typeof pins>;

export interface Composed {
  readonly policy: PatchPolicy;
  /** The rule file. */
  readonly rules: string;
  /** Chosen or pinned, and no rules of that name are there any more. */
  readonly missing: readonly string[];
}

/** What a scan has chosen, as the user's pins have it. A pin always wins. */
export function composePolicy(
  { createdMs, preset, choices, pins: pinned }: Pick<PatchPolicy, 'createdMs' | 'preset' | 'choices' | 'pins'>,
  offers: ReadonlyMap<string, Offer>,
): Composed {
  const because = new Map(choices.map((chosen) => [chosen.id, chosen.because]));
  const ids = new Set([...because.keys(), ...Object.keys(pinned)]);
  const items: PatchPolicy['items'] = [];
  const missing: string[] = [];
  const lines: string[] = [];
  for (const id of [...ids].sort()) {
    const pin = pinned[id];
    if (pin === 'off') continue;
    const offer = offers.get(id);
    if (offer === undefined) {
      missing.push(id);
      continue;
    }
    const mode = pin ?? 'on';
    items.push({ id, title: offer.title, mode, because: because.get(id) ?? [], rules: offer.rules.length });
    lines.push(`# ${id}: ${offer.title.replace(/\s+/g, ' ')}`);
    for (const { text, action } of offer.rules) {
      lines.push(mode !== 'on' && blocks(action) ? withHold(text, mode, id) : text);
    }
  }
  const body = withoutRepeated(lines);
  const version = createHash('sha256').update(body.join('\n')).digest('hex').slice(0, VERSION_CHARACTERS);
  return {
    policy: { version, createdMs, preset, choices, pins: pinned, items },
    rules: `${HEAD}# Policy ${version}\n${body.map((line) => `${line.startsWith('#') ? line : withVersion(line, version)}\n`).join('')}`,
    missing,
  };
}

/** Of the rule file of a policy. Null: it is none. */
export const versionOfRules = (text: string): string | null => /^# Policy ([0-9a-f]{12})$/m.exec(text)?.[1] ?? null;

const VERSION_CHARACTERS = 12;
const HEAD = '# Made by vpatch. Changes are lost with the next scan: "vpatch policy pin" is for them.\n';

/** A rule that sets something for several others is there once. */
const withoutRepeated = (lines: readonly string[]): string[] => [...new Set(lines)];

/** So that every event of the rule tells by which policy it was in force. */
const withVersion = (rule: string, version: string): string =>
  rule.replace(/\)\s*$/, ` metadata:vpatch_policy ${version};)`);
