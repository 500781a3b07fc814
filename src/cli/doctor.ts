import { type Command, Option } from 'commander';
import { FAILURE_MODES, type FailureMode } from '../config/config.ts';
import { withoutControls } from '../output/log.ts';
import { inspectMachine } from '../service/machine.ts';
import type { FindingStatus, MachineFinding } from '../service/machine-finding.ts';
import { settingsFrom } from './common-options.ts';
import { EXIT } from './failure.ts';

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('what this machine can and cannot do')
    .description(
      'Looks whether "vpatch run" can work here, and changes nothing. Exits with 3 where it cannot.\n\n' +
        'With --drill it rehearses what fails which way, by the configuration and its rules, in two network namespaces ' +
        'that it makes and removes: traffic of this host is not touched. Takes about a minute, and exits with 1 where ' +
        'something is not as promised.',
    )
    .option('-c, --config <file>', 'configuration (default: /etc/vpatch/vpatch.yaml if it is there)')
    .option('--json', 'print the findings as JSON')
    .option('--drill', 'rehearse failures under traffic, in network namespaces of their own (needs root)')
    .addOption(
      new Option('--fail <way>', 'with --drill: instead of what the configuration says').choices(FAILURE_MODES),
    )
    .action(doctor);
}

interface DoctorOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly drill?: boolean;
  readonly fail?: FailureMode;
}

async function doctor({ json, config: file, drill, fail }: DoctorOptions): Promise<void> {
  if (drill === true) {
    const { rehearse } = await import('./drill/drill.ts');
    await rehearse({ config: file, failure: fail, isJson: json === true });
    return;
  }
  const { config } = settingsFrom({ ...(file !== undefined && { config: file }), onlyRules: [], logLevel: 'warn' });
  const findings = inspectMachine(config);
  const isFit = findings.every(({ status }) => status !== 'missing');
  process.stdout.write(json === true ? `${JSON.stringify({ fit: isFit, findings }, null, 2)}\n` : table(findings));
  if (!isFit) process.exitCode = EXIT.machine;
}

const LABELS: Readonly<Record<FindingStatus, string>> = {
  ok: 'ok',
  warning: 'warning',
  missing: 'MISSING',
  unknown: 'unknown',
};

function table(findings: readonly MachineFinding[]): string {
  const widest = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(LABELS.missing.length + widest + 4);
  return findings
    .map(({ check, status, detail, meaning, advice }) => {
      // Names of processes are chosen by whoever starts them.
      const line = `${LABELS[status].padEnd(LABELS.missing.length)}  ${check.padEnd(widest)}  ${withoutControls(detail)}`;
      const below = [meaning, advice === null ? null : `-> ${advice}`].filter((text) => text !== null);
      return [line, ...below.map((text) => `${indent}${text}`)].map((text) => `${text}\n`).join('');
    })
    .join('');
}
