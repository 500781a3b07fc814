import { EveLines } from '../../src/output/eve-lines.ts';

/** What lines as EveWriter writes them have else than usual. */
interface LineFields {
  readonly time?: string;
  readonly source?: string;
  readonly sid?: number;
  readonly [key: string]: unknown;
}

/** Of lines without their line feeds. */
export const eveLines = (...lines: readonly string[]): EveLines =>
  new EveLines(lines.map((line) => `${line}\n`).join(''));

export const NOW_MS = Date.parse('2026-11-22T12:00:00Z');

export const alertLine = ({ time, source, sid = 9_000_001, ...more }: LineFields = {}): string =>
  JSON.stringify({
    timestamp: time ?? '2026-11-22T12:00:00.000001+0000',
    flow_id: 1234,
    event_type: 'alert',
    src_ip: source ?? '192.0.2.1',
    src_port: 40_000,
    dest_ip: '192.0.2.2',
    dest_port: 80,
    proto: 'TCP',
    app_proto: 'http',
    alert: {
      action: 'blocked',
      gid: 1,
      signature_id: sid,
      rev: 2,
      signature: `rule ${sid}`,
      category: 'Attempted Administrator Privilege Gain',
      severity: 1,
    },
    verdict: { action: 'drop' },
    vpatch: { mode: 'prevent', cve: ['CVE-2021-44228'] },
    ...more,
  });

export const dropLine = ({ time, source, ...more }: LineFields = {}): string =>
  JSON.stringify({
    timestamp: time ?? '2026-11-22T12:00:01.000000+0000',
    event_type: 'drop',
    src_ip: source ?? '198.51.100.7',
    dest_ip: '192.0.2.2',
    proto: 'TCP',
    drop: { len: 40, reason: 'check' },
    vpatch: { mode: 'detect', check: 'tcp.syn_fin' },
    ...more,
  });
