import { defineKeyword, type Keyword } from '../keyword.ts';
import { Literal } from '../literal.ts';
import { type StateKind, type TextScope, variableId } from '../rule-state.ts';
import { type OptionValue, patternBytes } from '../values.ts';

/** What `pcre` has kept under a name contains these bytes. */
function variable(name: StateKind, scope: TextScope, whose: string): Keyword {
  return defineKeyword({
    name,
    summary: `What pcre has kept of the ${whose} under this name contains these bytes`,
    example: `${name}:user,"root";`,
    parse: (value) => ({ variable: nameOf(value), bytes: bytesOf(value) }),
    compile: ({ variable, bytes }, draft) => {
      const id = variableId(name, variable);
      const literal = new Literal(bytes, false);
      draft.askState(name, (state) => {
        const text = state.text(scope, id);
        return text !== null && literal.find(text, 0, text.length) >= 0;
      });
    },
  });
}

export const variableKeywords = [variable('flowvar', 'flow', 'flow'), variable('pktvar', 'pkt', 'packet')];

function nameOf(value: OptionValue): string {
  const name = /^\s*(\w+)\s*,/.exec(value.text)?.[1];
  return name ?? value.fail(`${value.keyword} needs a name, a comma and a text`);
}

function bytesOf(value: OptionValue): Uint8Array {
  const comma = value.text.indexOf(',') + 1;
  const [, blanks = '', quoted, plain = ''] = /^(\s*)(?:"(.*)"|(.*?))\s*$/s.exec(value.text.slice(comma))!;
  const text = quoted ?? plain;
  if (text === '' || (quoted === undefined && text.startsWith('!'))) {
    value.fail(`${value.keyword} needs a text, which cannot be negated`, comma);
  }
  const at = value.at + comma + blanks.length + (quoted === undefined ? 0 : 1);
  return patternBytes({ text, isNegated: false, at });
}
