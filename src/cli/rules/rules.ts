import type { Command } from 'commander';
import { registerCheck } from './check.ts';
import { registerKeywords } from './keywords.ts';
import { registerList } from './list.ts';
import { registerProfile } from './profile.ts';
import { registerShow } from './show.ts';
import { registerStats } from './stats.ts';
import { registerUpdate } from './update.ts';

/** `vpatch rules`: everything about rules that needs no traffic, or only a capture of it. */
export function registerRules(program: Command): void {
  const rules = program
    .command('rules')
    .summary('check, list, explain, measure and fetch rules')
    .description('Loads rules, without live traffic.');
  for (const register of [
    registerCheck,
    registerList,
    registerShow,
    registerStats,
    registerProfile,
    registerUpdate,
    registerKeywords,
  ]) {
    register(rules);
  }
}
