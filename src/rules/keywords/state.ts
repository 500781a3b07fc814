import type { RuleDraft } from '../draft.ts';
import { defineKeyword } from '../keyword.ts';
import {
  type HostTrack,
  hostBitId,
  type StateCondition,
  type StateEffect,
  type StateKind,
  variableId,
} from '../rule-state.ts';
import { commaSeparated, type OptionValue } from '../values.ts';

/** Suricata's defaults, in seconds. */
const HOSTBITS_EXPIRE_S = 300;
const XBITS_EXPIRE_S = 30;
const MAX_U32 = 0xffff_ffff;

/** What the bit keywords can do. Those that set take effect when the rule has matched. */
const BIT_COMMANDS = ['set', 'unset', 'toggle', 'isset', 'isnotset'] as const;
type BitCommand = (typeof BIT_COMMANDS)[number];

/** What all of them can also say: the rule matches without an alert. */
const NOALERT = 'noalert';

const flowbits = defineKeyword({
  name: 'flowbits',
  summary: 'Marks of a flow: set, unset, toggle, isset, isnotset and a name (a|b: one of them); noalert',
  example: 'flowbits:set,logged_in;',
  parse: (value) => {
    const [command, ...rest] = splitCommand(value);
    if (command === NOALERT && rest.length === 0) return null;
    const names = (rest[0] ?? '').split('|').map((name) => name.trim());
    if (rest.length !== 1 || !names.every(isName)) value.fail(`flowbits:${command} needs the name of a bit`);
    const bitCommand = bitCommandOf(value, command);
    if (names.length > 1 && !isQuestion(bitCommand)) value.fail(`flowbits:${command} takes one name`);
    return { command: bitCommand, names };
  },
  compile: (argument, draft) => {
    if (argument === null) {
      draft.isSilent = true;
      return;
    }
    const { command, names } = argument;
    const ids = names.map((name) => variableId('flowbits', name));
    if (isQuestion(command)) draft.askState('flowbits', flowBitQuestion(ids, command === 'isset'));
    else if (command === 'set') draft.changeState('flowbits', flowBitEffect(ids[0]!, command));
    else draft.changeStateAnew('flowbits', flowBitEffect(ids[0]!, command));
  },
});

function flowBitQuestion(ids: readonly number[], isSet: boolean): StateCondition {
  return (state) => {
    if (!state.hasFlow) return false;
    for (let i = 0; i < ids.length; i++) if (state.flowBit(ids[i]!) === isSet) return true;
    return false;
  };
}

function flowBitEffect(id: number, command: BitCommand): StateEffect {
  if (command === 'toggle') return (state) => state.setFlowBit(id, !state.flowBit(id));
  return (state) => state.setFlowBit(id, command === 'set');
}

const flowint = defineKeyword({
  name: 'flowint',
  summary:
    'Numbers of a flow: name, then = + - (set, add, subtract) or < <= == != >= > and a number or a name, 0 where it was never set; isset, notset',
  example: 'flowint:failed_logins,+,1;',
  parse: (value) => {
    const [name = '', modifier = '', operand, ...more] = commaSeparated(value.text);
    if (!isName(name)) value.fail(`"${name}" is no name for a variable`);
    if (modifier === 'isset' || modifier === 'notset' || modifier === 'isnotset') {
      if (operand !== undefined) value.fail(`flowint:${name},${modifier} takes no number`);
      return { name, modifier, operand: '' };
    }
    if (CHANGES[modifier] === undefined && COMPARISONS[modifier] === undefined) {
      value.fail(`"${modifier}" is none of = + - < <= == != >= > isset notset`);
    }
    if (operand === undefined || operand === '' || more.length > 0)
      return value.fail('flowint needs a number or a name');
    if (/^\d/.test(operand) && (!/^\d+$/.test(operand) || Number(operand) > MAX_U32)) {
      value.fail(`"${operand}" is no whole number from 0 to ${MAX_U32}`);
    }
    return { name, modifier, operand };
  },
  compile: ({ name, modifier, operand }, draft) => {
    const id = variableId('flowint', name);
    if (operand === '') {
      const isSet = modifier === 'isset';
      draft.askState('flowint', (state) => state.hasFlow && (state.flowInt(id) !== null) === isSet);
      return;
    }
    const number = /^\d/.test(operand) ? Number(operand) : null;
    const other = number === null ? variableId('flowint', operand) : -1;
    const change = CHANGES[modifier];
    if (change !== undefined) {
      draft.changeStateAnew('flowint', (state) => {
        const left = state.flowInt(id);
        // As in Suricata, nothing is taken from a number that was never set.
        if (left === null && modifier === '-') return;
        state.setFlowInt(id, change(left ?? 0, number ?? state.flowInt(other) ?? 0));
      });
      return;
    }
    const compare = COMPARISONS[modifier]!;
    draft.askState('flowint', (state) => {
      const left = state.flowInt(id);
      return left !== null && compare(left, number ?? state.flowInt(other) ?? 0);
    });
  },
});

/** Numbers have 32 bits, and wrap as in Suricata. */
const CHANGES: Readonly<Record<string, (left: number, right: number) => number>> = {
  '=': (_, right) => right,
  '+': (left, right) => (left + right) >>> 0,
  '-': (left, right) => (left - right) >>> 0,
};

const COMPARISONS: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '>=': (left, right) => left >= right,
  '>': (left, right) => left > right,
};

const HOSTBITS_SIDES: Readonly<Record<string, readonly HostTrack[]>> = {
  src: ['source'],
  dst: ['destination'],
  both: ['source', 'destination'],
};

const hostbits = defineKeyword({
  name: 'hostbits',
  summary: 'Marks of a host: set, unset, toggle, isset, isnotset, a name, and src (default), dst or both',
  example: 'hostbits:set,scanner,src;',
  parse: (value) => {
    const [command, ...rest] = splitCommand(value);
    if (command === NOALERT && rest.length === 0) return null;
    const [name = '', side = 'src', ...more] = rest;
    const tracks = HOSTBITS_SIDES[side] ?? value.fail(`"${side}" is none of ${Object.keys(HOSTBITS_SIDES).join(', ')}`);
    if (!isName(name) || more.length > 0)
      value.fail(`hostbits:${command} needs the name of a bit, then src, dst or both`);
    return { command: bitCommandOf(value, command), name, tracks };
  },
  compile: (argument, draft) => {
    if (argument === null) {
      draft.isSilent = true;
      return;
    }
    const { command, name, tracks } = argument;
    for (const track of tracks) addHostBit(draft, 'hostbits', command, name, track, HOSTBITS_EXPIRE_S);
  },
});

const XBITS_TRACKS: Readonly<Record<string, HostTrack>> = {
  ip_src: 'source',
  ip_dst: 'destination',
  ip_pair: 'pair',
};

const xbits = defineKeyword({
  name: 'xbits',
  summary:
    'Marks of a host or a pair: set, unset, toggle, isset, isnotset, a name, track ip_src|ip_dst|ip_pair, expire',
  example: 'xbits:set,bad_login,track ip_src,expire 600;',
  parse: (value) => {
    const [command, name = '', trackText = '', expireText, ...more] = splitCommand(value);
    if (command === NOALERT && name === '') return null;
    if (!isName(name)) value.fail(`xbits:${command} needs the name of a bit`);
    const track = XBITS_TRACKS[/^track\s+(\S+)$/.exec(trackText)?.[1] ?? ''];
    if (track === undefined)
      return value.fail(`xbits needs "track" and one of ${Object.keys(XBITS_TRACKS).join(', ')}`);
    const expireS = Number(expireText === undefined ? XBITS_EXPIRE_S : /^expire\s+(\d+)$/.exec(expireText)?.[1]);
    if (!(expireS >= 1 && expireS <= MAX_U32) || more.length > 0)
      value.fail('the last part of xbits is "expire" and seconds');
    return { command: bitCommandOf(value, command), name, track, expireS };
  },
  compile: (argument, draft) => {
    if (argument === null) {
      draft.isSilent = true;
      return;
    }
    const { command, name, track, expireS } = argument;
    addHostBit(draft, track === 'pair' ? 'pairbits' : 'hostbits', command, name, track, expireS);
  },
});

export const stateKeywords = [flowbits, flowint, hostbits, xbits];

function addHostBit(
  draft: RuleDraft,
  kind: StateKind,
  command: BitCommand,
  name: string,
  track: HostTrack,
  lifetimeS: number,
): void {
  const id = hostBitId(kind, name);
  const lifetimeMs = lifetimeS * 1000;
  switch (command) {
    case 'isset':
      draft.askState(kind, (state) => state.hostBit(id, track));
      break;
    case 'isnotset':
      draft.askState(kind, (state) => !state.hostBit(id, track));
      break;
    case 'set':
      draft.changeState(kind, (state) => state.setHostBit(id, track, lifetimeMs));
      break;
    case 'unset':
      draft.changeState(kind, (state) => state.unsetHostBit(id, track));
      break;
    case 'toggle':
      draft.changeState(kind, (state) => {
        if (state.hostBit(id, track)) state.unsetHostBit(id, track);
        else state.setHostBit(id, track, lifetimeMs);
      });
      break;
    default:
      command satisfies never;
  }
}

const isQuestion = (command: BitCommand): boolean => command === 'isset' || command === 'isnotset';

const isName = (text: string): boolean => /^[^\s,;|]+$/.test(text);

function splitCommand(value: OptionValue): [string, ...string[]] {
  return commaSeparated(value.text) as [string, ...string[]];
}

function bitCommandOf(value: OptionValue, text: string): BitCommand {
  return (
    BIT_COMMANDS.find((command) => command === text) ?? value.fail(`"${text}" is none of ${BIT_COMMANDS.join(', ')}`)
  );
}
