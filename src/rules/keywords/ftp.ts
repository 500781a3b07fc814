import { TRANSFER } from '../../app/ftp/transfer.ts';
import { TO_SERVER } from '../../base/direction.ts';
import { addBufferTest } from '../buffer-test.ts';
import { defineKeyword } from '../keyword.ts';
import { nothing, word } from '../values.ts';

const ftpBounce = defineKeyword({
  name: 'ftpbounce',
  summary: 'PORT or EPRT names another host than the client',
  example: 'ftpbounce;',
  parse: nothing,
  compile: (_, draft) => {
    // Of the packet in hand, whose test is asked before the steps: IPv4, as `Packet.source` holds it.
    let clientAddress = 0;
    draft.testPacket(({ direction, source, destination }) => {
      clientAddress = (direction === TO_SERVER ? source : destination)[3]!;
      return true;
    });
    addBufferTest(draft, 'ftp.port_address', ({ bytes, start, end }) => {
      let address = 0;
      for (let at = start; at < end; at++) address = address * 256 + bytes[at]!;
      return address !== clientAddress;
    });
  },
});

const ftpDataCommand = defineKeyword({
  name: 'ftpdata_command',
  summary: 'The file is fetched (retr) or brought (stor)',
  example: 'ftpdata_command:stor;',
  parse: (value) => {
    const name = word(value).toLowerCase();
    return name === 'retr' || name === 'stor' ? TRANSFER[name] : value.fail(`"${name}" is neither retr nor stor`);
  },
  compile: (command, draft) => addBufferTest(draft, 'ftpdata_command', ({ bytes, start }) => bytes[start] === command),
});

export const ftpKeywords = [ftpBounce, ftpDataCommand];
