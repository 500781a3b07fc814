import type { RuleVariables } from '../rules/header-sets.ts';

export type VariableKind = keyof RuleVariables;

/** `HOME_NET=[10.0.0.0/8]` in its parts; null where it has another form. */
export function parseAssignment(text: string): { name: string; value: string } | null {
  const match = /^([A-Za-z][A-Za-z0-9_]*)=(.+)$/s.exec(text);
  return match === null ? null : { name: match[1]!, value: match[2]!.trim() };
}

/**
 * Suricata keeps addresses and ports apart, an assignment on the command line does not say which it means: a name
 * that is known decides, then what the name says, then the value's form.
 */
export function kindOfVariable(name: string, value: string, known: RuleVariables): VariableKind {
  if (Object.hasOwn(known.ports, name)) return 'ports';
  if (Object.hasOwn(known.addresses, name)) return 'addresses';
  if (/_PORTS?$/i.test(name)) return 'ports';
  const reference = /\$([A-Za-z0-9_]+)/.exec(value)?.[1];
  if (reference !== undefined) return Object.hasOwn(known.ports, reference) ? 'ports' : 'addresses';
  return /^[\s![\],:\d]+$/.test(value) && !value.includes('::') ? 'ports' : 'addresses';
}
