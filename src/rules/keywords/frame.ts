import { frameBuffer } from '../../app/protocol.ts';
import { defineKeyword } from '../keyword.ts';

const frame = defineKeyword({
  name: 'frame',
  summary: 'What follows looks into stretches of the stream that the protocol is made of: records, messages, lines',
  difference: 'A rule matches a frame once; it can look into one kind of frame only, and not through transforms',
  example: 'frame:tls.pdu; content:"|15 03|"; startswith;',
  parse: (value) => {
    if (!/^[a-z0-9_]+(?:\.[a-z0-9_]+)*$/.test(value.text)) value.fail('frame needs a name, as in frame:tls.pdu');
    return value.text;
  },
  compile: (name, draft) => draft.enterFrame(frameBuffer(name), name),
});

export const frameKeywords = [frame];
