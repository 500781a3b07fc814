import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../base/make-folder.ts';

/** What weaknesses a host has is nothing for everybody. */
const FOLDER_MODE = 0o750;
export const FILE_MODE = 0o640;

/** Writes a file so that whoever reads it sees the old one or the new one, whole. Makes its folder where needed. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  makeFolder(dirname(path), FOLDER_MODE);
  const draft = `${path}.${process.pid}.new`;
  const fd = openSync(draft, 'w', FILE_MODE);
  try {
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
}
