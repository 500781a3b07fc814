import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BufferedFile } from '../../src/output/buffered-file.ts';
import { LosslessFile } from '../../src/output/lossless-file.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-output-'));
  file = join(directory, 'eve.json');
});
afterEach(() => rmSync(directory, { recursive: true }));

const noError = (error: Error): never => {
  throw error;
};
const line = (i: number): string => `{"line":${i}}\n`;
const LINES = Array.from({ length: 5000 }, (_, i) => line(i));

describe('BufferedFile', () => {
  test('writes all lines in their order, and appends', async () => {
    for (const part of [LINES.slice(0, 10), LINES.slice(10)]) {
      const output = new BufferedFile(file, { bufferBytes: 1 << 20, onError: noError });
      for (const text of part) output.write(text);
      await output.close();
      expect(output.lostLines).toBe(0);
    }
    expect(readFileSync(file, 'utf8')).toBe(LINES.join(''));
  });

  test('is not readable for everybody', async () => {
    await new BufferedFile(file, { bufferBytes: 1000, onError: noError }).close();
    expect(statSync(file).mode & 0o007).toBe(0);
  });

  test('drops whole lines beyond its bound, and counts them', async () => {
    const output = new BufferedFile(file, { bufferBytes: 1000, onError: noError });
    // Nothing reaches the disk before this loop ends.
    for (const text of LINES) output.write(text);
    await output.close();
    const written = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    expect(written.length + output.lostLines).toBe(LINES.length);
    expect(written.length).toBeGreaterThan(10);
    for (const [i, text] of written.entries()) expect(JSON.parse(text)).toEqual({ line: i });
  });

  test('goes on in a new file after the old one was renamed', async () => {
    const output = new BufferedFile(file, { bufferBytes: 1 << 20, onError: noError });
    output.write(line(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    renameSync(file, `${file}.1`);
    output.write(line(2));
    output.reopen();
    output.write(line(3));
    await output.close();
    const old = readFileSync(`${file}.1`, 'utf8');
    expect(old + readFileSync(file, 'utf8')).toBe(line(1) + line(2) + line(3));
    expect(readFileSync(file, 'utf8')).toContain(line(3));
  });

  test('a full disk is told once, counted, and no exception', async () => {
    const errors: string[] = [];
    const output = new BufferedFile('/dev/full', { bufferBytes: 1000, onError: (error) => errors.push(error.message) });
    for (const text of LINES) output.write(text);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await output.close();
    expect(errors).toEqual([expect.stringMatching(/ENOSPC/)]);
    expect(output.lostLines).toBe(LINES.length);
  });

  test('of several lines written at once, each counts', async () => {
    const output = new BufferedFile('/dev/full', { bufferBytes: 1000, onError: () => {} });
    output.write(LINES.slice(0, 7).join(''));
    output.write(LINES.slice(0, 3).join(''));
    output.write(LINES.join(''));
    await output.close();
    expect(output.lostLines).toBe(7 + 3 + LINES.length);
  });

  test('a reader that does not read holds nobody up', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // For longer than the test may take.
    const reader = execFile('sleep', ['100']);
    // Opened for both, so that opening does not wait for the other side.
    const fd = openSync(pipe, 'r+');
    const output = new BufferedFile(pipe, { bufferBytes: 200_000, onError: noError });
    for (let i = 0; i < 20; i++) for (const text of LINES) output.write(text);
    expect(output.lostLines).toBeGreaterThan(50_000);
    await output.close();
    reader.kill();
    // Lets the write that still waits end.
    spawnSync('timeout', ['1', 'cat', pipe]);
    expect(fd).toBeGreaterThan(0);
  });

  test('a pipe that nobody reads yet holds nobody up, at the start and after a rotation, and keeps what fits', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const output = new BufferedFile(pipe, { bufferBytes: 200_000, onError: noError });
    output.write(line(1));
    output.reopen();
    output.write(line(2));
    const reader = execFile('timeout', ['1', 'head', '-2', pipe]);
    const read: string[] = [];
    reader.stdout?.on('data', (text: string) => read.push(text));
    await new Promise((resolve) => reader.on('close', resolve));
    await output.close();
    expect(read.join('')).toBe(line(1) + line(2));
    expect(output.lostLines).toBe(0);
  });

  test('refuses a file that cannot be opened at once', () => {
    expect(() => new BufferedFile(join(directory, 'no/such/folder'), { bufferBytes: 1, onError: noError })).toThrow(
      /ENOENT/,
    );
  });
});

describe('LosslessFile', () => {
  test('writes every line, and empties the file first', async () => {
    for (let round = 0; round < 2; round++) {
      const output = new LosslessFile(file);
      for (const text of LINES) output.write(text);
      await output.close();
      expect(output.lostLines).toBe(0);
    }
    expect(readFileSync(file, 'utf8')).toBe(LINES.join(''));
  });

  test('says what the system says', async () => {
    const output = new LosslessFile('/dev/full');
    output.write(line(1));
    await expect(output.close()).rejects.toThrow(/ENOSPC/);
  });
});
