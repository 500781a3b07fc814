import { expect, test } from 'vitest';
import { EventChunks } from '../../src/service/event-chunks.ts';
import { CONTROL, CONTROL_BYTES } from '../../src/service/worker-messages.ts';

test('lines of a batch travel as one message, and what is under way is bounded', () => {
  const control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
  const sent: string[] = [];
  const chunks = new EventChunks(control, 10, (text) => sent.push(text));

  chunks.write('one\n');
  chunks.write('two\n');
  chunks.write('three\n');
  expect(chunks.lostLines).toBe(1);
  chunks.flush();
  chunks.flush();
  expect(sent).toEqual(['one\ntwo\n']);

  chunks.write('four\n');
  expect(chunks.lostLines).toBe(2);

  // The main thread has taken the first message.
  Atomics.sub(control, CONTROL.PENDING_CHARACTERS, sent[0]!.length);
  chunks.write('four\n');
  chunks.flush();
  expect(sent).toEqual(['one\ntwo\n', 'four\n']);
  expect(chunks.lostLines).toBe(2);
});
