import type { Command } from 'commander';
import { registerCheck } from './check.ts';
import { registerKeywords } from './keywords.ts';
import { registerList } from './list.ts';
import { registerProfile } from './profile.ts';
import { registerShow } from './show.ts';
import { registerStats } from './stats.ts';

/** `vpatch rules`: everything about rules that needs no traffic, or only a capture of it. */
export function registerRules(program: Command): void {
  const rules = program
    .command('rules')
    .summary('check, list, explain and measure rules')
    .description('Loads rules, without live traffic.');
  for (const register of [
    registerCheck,
    registerList,
    registerShow,
    registerStats,
    registerProfile,
    registerKeywords,
  ]) {
    register(rules);
  }
}
