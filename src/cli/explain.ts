import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { z } from 'zod';
import { reasonOf } from '../config/problem.ts';
import { historyFile } from '../config/state-paths.ts';
import { withoutControls } from '../output/log.ts';
import { readCatalogue } from '../patches/catalogue.ts';
import type { Rule } from '../rules/rule.ts';
import { checkNamed } from '../verdict/checks.ts';
import type { HeldBy } from '../verdict/judge.ts';
import { addRuleOptions, type RuleOptions, settingsFrom } from './common-options.ts';
import { EXIT, Failure } from './failure.ts';
import { withHistory } from './history.ts';
import { loadRules } from './loaded-rules.ts';
import { shortPath } from './read-texts.ts';

interface ExplainOptions extends RuleOptions {
  readonly eve?: string;
}

export function registerExplain(program: Command): void {
  const command = program
    .command('explain')
    .summary('say why something was reported or dropped')
    .description(
      'Explains events: what was seen, which bytes matched what, which rule, patch and CVE that is, what would have ' +
        'happened in the other mode, and how to except it.',
    )
    .argument(
      '<event>',
      'an EVE line, - for lines on standard input, or the flow_id of events in the event file or the history',
    )
    .option('--eve <file>', 'look for the flow_id there (default: outputs.eve.file of the configuration)');
  addRuleOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  vpatch explain 1234567890\n  tail -1 /var/log/vpatch/eve.json | vpatch explain -',
    )
    .action(explain);
}

/** Of one connection; more are repetitions. */
const MAX_EVENTS = 20;

async function explain(event: string, options: ExplainOptions): Promise<void> {
  const lines = await linesOf(event, options);
  const events = lines.map((line) => parseEvent(line));
  const rules = new KnownRules(options);
  process.stdout.write(`${events.map((one) => explanation(one, rules).join('\n')).join('\n\n')}\n`);
}

async function linesOf(event: string, options: ExplainOptions): Promise<string[]> {
  if (event.trimStart().startsWith('{')) return [event];
  if (event === '-') {
    const lines = readFileSync(0, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
    if (lines.length === 0) throw new Failure(EXIT.usage, 'there is no event on standard input');
    return lines.slice(0, MAX_EVENTS);
  }
  if (!/^\d{1,20}$/.test(event)) {
    throw new Failure(EXIT.usage, 'expected an EVE line in quotes, - for standard input, or the flow_id of an event');
  }
  return eventsOfFlow(event, options);
}

async function eventsOfFlow(flowId: string, { eve, ...options }: ExplainOptions): Promise<string[]> {
  const { config } = settingsFrom({ ...options, onlyRules: [] });
  const file = eve ?? config.outputs.eve.file;
  const hasFile = file !== null && file !== '-';
  const found = hasFile ? await eventsInFile(file, flowId) : [];
  if (found.length > 0) return found;
  // The file was rotated since, or there is none.
  const hasHistory = eve === undefined && existsSync(historyFile(config.state.folder));
  const filter = { flowId: Number(flowId) };
  const kept = hasHistory ? await withHistory(config, (reader) => reader.lines(filter, MAX_EVENTS)) : [];
  if (kept.length > 0) return kept;
  const places = [...(hasFile ? [file] : []), ...(hasHistory ? ['the history'] : [])];
  if (places.length > 0) {
    throw new Failure(EXIT.problem, `no alert, drop or anomaly of flow ${flowId} is in ${places.join(' or ')}`);
  }
  throw new Failure(EXIT.usage, 'no event file is configured, and there is no history: name a file with --eve');
}

async function eventsInFile(file: string, flowId: string): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line.includes(`"flow_id":${flowId},`) && EXPLAINED.test(line)) found.push(line);
      if (found.length >= MAX_EVENTS) break;
    }
  } catch (error) {
    throw new Failure(EXIT.usage, `${file}: cannot be read: ${reasonOf(error)}`);
  }
  return found;
}

const EXPLAINED = /"event_type":"(?:alert|drop|anomaly)"/;

const eventSchema = z.looseObject({
  timestamp: z.string(),
  event_type: z.enum(['alert', 'drop', 'anomaly']),
  src_ip: z.string().optional(),
  src_port: z.number().optional(),
  dest_ip: z.string().optional(),
  dest_port: z.number().optional(),
  proto: z.string().optional(),
  app_proto: z.string().optional(),
  direction: z.enum(['to_server', 'to_client']).optional(),
  http: z
    .looseObject({ http_method: z.string().optional(), hostname: z.string().optional(), url: z.string().optional() })
    .optional(),
  alert: z
    .looseObject({ action: z.string(), gid: z.number(), signature_id: z.number(), signature: z.string() })
    .optional(),
  drop: z.looseObject({ reason: z.string() }).optional(),
  anomaly: z.looseObject({ event: z.string() }).optional(),
  vpatch: z
    .looseObject({
      mode: z.enum(['detect', 'prevent']).optional(),
      would_block: z.boolean().optional(),
      held_by: z.enum(['mode', 'detect', 'soak', 'dns-answer', 'flow-end']).optional(),
      check: z.string().optional(),
      action: z.string().optional(),
      gid: z.number().optional(),
      signature_id: z.number().optional(),
      cve: z.array(z.string()).optional(),
      matched: z.array(z.object({ buffer: z.string(), offset: z.number(), bytes: z.string() })).optional(),
    })
    .optional(),
});
type Event = z.output<typeof eventSchema>;

function parseEvent(line: string): Event {
  try {
    return eventSchema.parse(JSON.parse(line));
  } catch {
    throw new Failure(EXIT.usage, 'that is no alert, drop or anomaly event as vpatch writes them');
  }
}

/** The rules of the configuration: read only where an event names one. */
class KnownRules {
  readonly #options: RuleOptions;
  #bySid: ReadonlyMap<number, Rule> | null = null;

  constructor(options: RuleOptions) {
    this.#options = options;
  }

  withSid(sid: number): Rule | null {
    this.#bySid ??= new Map(loadRules(settingsFrom(this.#options).config).rules.map((rule) => [rule.sid, rule]));
    return this.#bySid.get(sid) ?? null;
  }
}

function explanation(event: Event, rules: KnownRules): string[] {
  const sid = event.alert?.signature_id ?? event.vpatch?.signature_id;
  const check = sid === undefined ? checkOf(event) : undefined;
  const rule = sid === undefined ? null : rules.withSid(sid);
  const rows = [
    row('what', whatOf(event, check)),
    row('when', event.timestamp),
    row('traffic', trafficOf(event)),
    ...seenIn(event),
    ...(event.vpatch?.matched ?? []).map(({ buffer, offset, bytes }) =>
      row('matched', `${buffer}: ${bytes} (at ${offset})`),
    ),
    ...(sid === undefined ? [] : ruleRows(sid, rule)),
    ...(check === undefined
      ? []
      : [row('check', `${check}: ${checkNamed(check)?.summary ?? 'no check of this version'}`)]),
    ...cveRows(event, sid),
    row('outcome', outcomeOf(event)),
    ...exceptionRows(event, sid, check),
  ];
  return rows.map(withoutControls);
}

const LABEL_COLUMNS = 10;
const row = (label: string, text: string): string => `${label.padEnd(LABEL_COLUMNS)}${text}`;

/** Events name decoder events with Suricata's prefix, checks and rules do not. */
const checkOf = ({ anomaly, vpatch }: Event): string | undefined =>
  vpatch?.check ?? anomaly?.event.replace(/^decoder\./, '');

function whatOf({ event_type: type, alert, drop, anomaly }: Event, check: string | undefined): string {
  if (type === 'alert' && alert !== undefined) return `alert ${alert.gid}:${alert.signature_id} ${alert.signature}`;
  if (type === 'drop' && drop !== undefined)
    return `a packet was dropped: ${drop.reason}${check === undefined ? '' : ` (${check})`}`;
  return `something odd in the traffic: ${anomaly?.event ?? check ?? 'unknown'}`;
}

function trafficOf(event: Event): string {
  const side = (address: string | undefined, port: number | undefined): string =>
    `${address ?? '?'}${port === undefined ? '' : ` port ${port}`}`;
  const kind = [event.proto, event.app_proto, event.direction?.replace('_', ' ')].filter((part) => part !== undefined);
  return `${side(event.src_ip, event.src_port)} to ${side(event.dest_ip, event.dest_port)}, ${kind.join(', ')}`;
}

function seenIn({ http }: Event): string[] {
  if (http?.url === undefined) return [];
  return [
    row(
      'request',
      `${http.http_method ?? '?'} ${http.url}${http.hostname === undefined ? '' : ` of ${http.hostname}`}`,
    ),
  ];
}

function ruleRows(sid: number, rule: Rule | null): string[] {
  if (rule === null) return [row('rule', `sid ${sid} is not in the rules of this configuration`)];
  return [row('rule', `${shortPath(rule.file)}:${rule.line}`), row('', rule.text.trim())];
}

function cveRows({ vpatch }: Event, sid: number | undefined): string[] {
  const cves = vpatch?.cve ?? [];
  const patch =
    sid === undefined ? undefined : readCatalogue().patches.find(({ rules }) => rules.some((one) => one.sid === sid));
  return [
    ...(patch === undefined ? [] : [row('patch', `${patch.id}: ${patch.description.title}`)]),
    ...(cves.length === 0 ? [] : [row('cve', cves.join(', '))]),
  ];
}

function outcomeOf({ event_type: type, alert, drop, vpatch }: Event): string {
  const isByCheck = vpatch?.check !== undefined && vpatch.signature_id === undefined;
  if (type === 'anomaly') {
    return isByCheck && vpatch?.action === 'drop'
      ? 'the packet was dropped, as it would be in either mode: always-on checks do not depend on it'
      : 'reported only, in either mode';
  }
  if (type === 'drop') {
    if (isByCheck && drop?.reason === 'check')
      return 'dropped, as it would be in either mode: always-on checks do not depend on it';
    return vpatch?.mode === 'detect'
      ? 'dropped'
      : 'dropped; in detect mode it would have passed, unless a check had condemned its flow';
  }
  if (alert?.action === 'blocked')
    return 'blocked; in detect mode it would have been reported and passed, unless a check failed too';
  if (vpatch?.would_block === true) return `reported and passed${WHY_NOT_BLOCKED[vpatch.held_by ?? 'mode']}`;
  return 'reported and passed, as it would be in either mode: the rule only reports';
}

const WHY_NOT_BLOCKED: Readonly<Record<HeldBy, string>> = {
  mode: '; in prevent mode it would have been blocked',
  detect: ', as it would be in either mode: the rule is held at detect',
  soak: ', as it would be in either mode: the rule is held until it has not matched for long',
  'dns-answer': ', as it would be in either mode: no rule blocks answers to DNS queries of this host',
  'flow-end': ', as it would be in either mode: the connection was over, and nothing was left to block',
};

function exceptionRows(event: Event, sid: number | undefined, check: string | undefined): string[] {
  if (sid === undefined && (check === undefined || checkNamed(check) === null)) return [];
  const port = event.direction === 'to_client' ? event.src_port : event.dest_port;
  const path = sid === undefined ? undefined : event.http?.url?.split('?', 1)[0];
  const parts = [
    ...(sid === undefined ? ['--check', check!] : ['--sid', String(sid)]),
    ...(event.src_ip === undefined ? [] : ['--source', event.src_ip]),
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...(path?.startsWith('/') ? ['--path', quoted(path)] : []),
    '--for 30d',
  ];
  return [row('except', `vpatch except add ${parts.join(' ')}`)];
}

/** For a shell. */
const quoted = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
