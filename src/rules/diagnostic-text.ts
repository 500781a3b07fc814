import type { RuleDiagnostic } from './rule.ts';

/** `local.rules:12:9: warning: message [name] (sid 9000001)`. `file`: what to call it. */
export function diagnosticText(diagnostic: RuleDiagnostic, file = diagnostic.file): string {
  const { line, column, severity, name, message, sid } = diagnostic;
  const suffix = `${name === null ? '' : ` [${name}]`}${sid === null ? '' : ` (sid ${sid})`}`;
  return `${file}:${line}:${column}: ${severity}: ${message}${suffix}`;
}
