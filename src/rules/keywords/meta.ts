import { MAX_PRIORITY } from '../classification.ts';
import { defineKeyword } from '../keyword.ts';
import { areMet } from '../requirements.ts';
import type { Tag } from '../rule.ts';
import { commaSeparated, nothing, quoted, uint, word } from '../values.ts';

const MAX_ID = 0xffff_ffff;

const msg = defineKeyword({
  name: 'msg',
  summary: 'What the alert says',
  example: 'msg:"Shell upload";',
  parse: (value) => {
    const { text, isNegated } = quoted(value);
    if (isNegated) value.fail('msg cannot be negated');
    return text.replace(/\\([";:\\])/g, '$1');
  },
  compile: (message, draft) => {
    if (draft.message !== null) draft.fail('msg is there twice');
    draft.message = message;
  },
});

const sid = defineKeyword({
  name: 'sid',
  summary: "The rule's number; every rule needs one",
  example: 'sid:9000001;',
  parse: uint({ min: 1, max: MAX_ID }),
  compile: (id, draft) => {
    if (draft.sid !== null) draft.fail('sid is there twice');
    draft.sid = id;
  },
});

const gid = defineKeyword({
  name: 'gid',
  summary: 'The group that the sid belongs to; 1 where it is left out',
  example: 'gid:1;',
  parse: uint({ min: 0, max: MAX_ID }),
  compile: (id, draft) => {
    if (draft.gid !== null) draft.fail('gid is there twice');
    draft.gid = id;
  },
});

const rev = defineKeyword({
  name: 'rev',
  summary: "The rule's revision; the highest one of a sid is used",
  example: 'rev:3;',
  parse: uint({ min: 1, max: MAX_ID }),
  compile: (revision, draft) => {
    if (draft.rev !== null) draft.fail('rev is there twice');
    draft.rev = revision;
  },
});

const classtype = defineKeyword({
  name: 'classtype',
  summary: 'The class of attack: gives the alert its category and its priority',
  example: 'classtype:web-application-attack;',
  parse: (value) => {
    const name = word(value);
    return /^[A-Za-z][\w-]*$/.test(name) ? name.toLowerCase() : value.fail(`"${name}" is no classtype`);
  },
  compile: (name, draft) => {
    const known = draft.context.environment.classifications;
    if (!known.has(name)) draft.warn(`classtype ${name} is not defined: priority 3 is used`, 'unknown-classtype');
    if (draft.classtype === null) {
      draft.classtype = name;
      return;
    }
    draft.warn('classtype is there twice: the one with the highest priority is used', 'repeated-keyword');
    const before = known.get(draft.classtype)?.priority ?? MAX_PRIORITY;
    if ((known.get(name)?.priority ?? MAX_PRIORITY) < before) draft.classtype = name;
  },
});

const priority = defineKeyword({
  name: 'priority',
  summary: 'How severe the alert is, 1 most; instead of that of the classtype',
  example: 'priority:1;',
  parse: uint({ min: 1, max: MAX_PRIORITY }),
  compile: (level, draft) => {
    if (draft.priority !== null) draft.warn('priority is there twice: the last one is used', 'repeated-keyword');
    draft.priority = level;
  },
});

const reference = defineKeyword({
  name: 'reference',
  summary: 'Where to read more; may be there several times',
  example: 'reference:cve,2021-44228;',
  parse: (value) => {
    const comma = value.text.indexOf(',');
    const type = comma < 0 ? '' : value.text.slice(0, comma).trim().toLowerCase();
    const id = value.text.slice(comma + 1).trim();
    return type === '' || id === ''
      ? value.fail('reference needs a type and an id: reference:cve,2021-44228;')
      : { type, id };
  },
  compile: (item, draft) => {
    if (!draft.context.environment.references.has(item.type)) {
      draft.warn(`reference type ${item.type} is not defined`, 'unknown-reference');
    }
    draft.references.push(item);
  },
});

const metadata = defineKeyword({
  name: 'metadata',
  summary: 'Keys and values that go into the alert',
  example: 'metadata:created_at 2024_05_01, attack_target Server;',
  parse: (value) => value.text,
  compile: (text, draft) => {
    draft.metadataText = draft.metadataText === '' ? text : `${draft.metadataText},${text}`;
  },
});

const target = defineKeyword({
  name: 'target',
  summary: 'Which side the attack is aimed at',
  example: 'target:dest_ip;',
  parse: (value) => {
    const side = value.text;
    return side === 'src_ip' || side === 'dest_ip' ? side : value.fail(`"${side}" is neither src_ip nor dest_ip`);
  },
  compile: (side, draft) => {
    draft.target = side;
  },
});

const noalert = defineKeyword({
  name: 'noalert',
  summary: 'The rule matches without an alert',
  example: 'noalert;',
  parse: nothing,
  compile: (_, draft) => {
    draft.isSilent = true;
  },
});

const alert = defineKeyword({
  name: 'alert',
  summary: 'A pass rule that matches is told of like any other',
  example: 'alert;',
  parse: nothing,
  compile: (_, draft) => {
    if (draft.isSilent) draft.fail('alert cannot be used with noalert');
    draft.isLoud = true;
  },
});

const bypass = defineKeyword({
  name: 'bypass',
  summary: 'Behind a match, no rule looks at the rest of the flow; inline, the kernel goes on with it by itself',
  example: 'bypass;',
  parse: nothing,
  compile: (_, draft) => {
    draft.bypassesFlow = true;
  },
});

const prefilter = defineKeyword({
  name: 'prefilter',
  summary: 'Accepted for compatibility: how candidates are found is decided without it',
  difference: 'It has no effect: how candidates are found is decided without it',
  example: 'prefilter;',
  parse: nothing,
  compile: () => {},
});

const requires = defineKeyword({
  name: 'requires',
  summary: 'The rule is left out where a version of the rule language, a keyword or a feature is missing',
  example: 'requires:version >= 7.0.3 < 8, keyword flow;',
  parse: (value) => {
    if (areMet(value.text, () => true) === null) {
      value.fail('requires takes "version" with comparisons, "keyword" and a name, or "feature" and a name');
    }
  },
  // A rule that gets here meets them.
  compile: () => {},
});

const TAG_METRICS = ['packets', 'seconds', 'bytes'] as const;
/** Where the rule gives no number, as in Suricata. */
const MAX_TAGGED_PACKETS = 256;

const tag = defineKeyword({
  name: 'tag',
  summary:
    'Packets behind the alert are recorded: of its session or (host, with src or dst at the end) of one of its hosts',
  example: 'tag:session,10,packets;',
  parse: (value): Tag => {
    const [scope = '', count = String(MAX_TAGGED_PACKETS), metricName = 'packets', side, ...more] = commaSeparated(
      value.text,
    );
    const host = scope === 'host' && (side === 'src' || side === 'dst') ? side : null;
    const isSession = scope === 'session' && side === undefined;
    const metric = TAG_METRICS.find((known) => known === metricName);
    if ((host === null && !isSession) || more.length > 0 || !/^[1-9]\d{0,8}$/.test(count) || metric === undefined) {
      return value.fail('tag takes session or host, a number, packets, seconds or bytes, and for host src or dst');
    }
    return { host, amount: Number(count), metric };
  },
  compile: (wanted, draft) => {
    draft.tags.push(wanted);
  },
});

export const metaKeywords = [
  msg,
  sid,
  gid,
  rev,
  classtype,
  priority,
  reference,
  metadata,
  target,
  noalert,
  alert,
  bypass,
  prefilter,
  requires,
  tag,
];
