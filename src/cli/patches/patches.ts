import type { Command } from 'commander';
import { registerList } from './list.ts';
import { registerNew } from './new.ts';
import { registerShow } from './show.ts';
import { registerTest } from './test.ts';
import { registerTry } from './try.ts';

export function registerPatches(program: Command): void {
  const patches = program
    .command('patches')
    .summary('list, show, test, try and write virtual patches')
    .description('The virtual patches that come with vpatch: for which weaknesses, and how far each goes.');
  for (const register of [registerList, registerShow, registerTest, registerTry, registerNew]) register(patches);
}
