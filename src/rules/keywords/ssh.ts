import { latin1 } from '../../base/bytes.ts';
import { addBufferTest } from '../buffer-test.ts';
import { defineKeyword } from '../keyword.ts';
import { type OptionValue, word } from '../values.ts';

/** Deprecated in Suricata, in favour of `ssh.proto`. */
const protocolVersion = defineKeyword({
  name: 'ssh.protoversion',
  summary: 'The version of the protocol is this; 2_compat is every form of 2',
  example: 'ssh.protoversion:2_compat;',
  parse: (value) => readVersion(value, /^(?:[0-9]+(?:[.\-0-9]+)?|2_compat)$/),
  compile: (version, draft) =>
    addBufferTest(draft, 'ssh.proto', ({ bytes, start, end }) => {
      const actual = latin1(bytes, start, end);
      return version === '2_compat' ? /^(?:2|1\.99)/.test(actual) : actual === version;
    }),
});

/** Deprecated in Suricata, in favour of `ssh.software`. */
const softwareVersion = defineKeyword({
  name: 'ssh.softwareversion',
  summary: 'The name of the software is this, as a whole',
  example: 'ssh.softwareversion:OpenSSH_9.2;',
  parse: (value) => readVersion(value, /^[0-9a-zA-Z:.\-_+ ]+$/),
  compile: (version, draft) =>
    addBufferTest(draft, 'ssh.software', ({ bytes, start, end }) => latin1(bytes, start, end) === version),
});

export const sshKeywords = [protocolVersion, softwareVersion];

function readVersion(value: OptionValue, form: RegExp): string {
  const text = word(value);
  return form.test(text) ? text : value.fail(`"${text}" is no version such as ${value.keyword} can name`);
}
