import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { reasonOf } from './problem.ts';

/** Either what a pattern stands for, in alphabetical order and at least one file, or why that is nothing. */
export type Expanded = { readonly files: readonly string[] } | { readonly message: string };

/**
 * The files that a path or a pattern names. `*`, `?` and `[...]` match within one step of the path, as a shell does:
 * not across `/`, and not the leading dot of a hidden file.
 */
export function expandRuleFiles(pattern: string, directory: string): Expanded {
  const absolute = resolve(directory, pattern);
  try {
    if (!isPattern(absolute) || isThere(absolute)) {
      if (statSync(absolute).isDirectory()) {
        return { message: `cannot read ${pattern}: it is a folder; give "${join(pattern, '*.rules')}"` };
      }
      return { files: [absolute] };
    }
    const files = expand('/', absolute.split('/').slice(1)).filter((file) => !statSync(file).isDirectory());
    return files.length > 0 ? { files } : { message: `no file matches ${pattern}` };
  } catch (error) {
    return { message: `cannot read ${pattern}: ${reasonOf(error)}` };
  }
}

function expand(directory: string, steps: readonly string[]): string[] {
  const [step, ...rest] = steps;
  if (step === undefined) return [directory];
  if (!isPattern(step)) {
    const path = join(directory, step);
    return isThere(path) ? expand(path, rest) : [];
  }
  const matches = globOf(step);
  const names = readdirSync(directory)
    .filter((name) => matches.test(name))
    .sort();
  return names
    .map((name) => join(directory, name))
    .filter((path) => rest.length === 0 || statSync(path).isDirectory())
    .flatMap((path) => expand(path, rest));
}

const isPattern = (text: string): boolean => /[*?[]/.test(text);

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** `*`, `?` and `[...]` within one name, as a shell does it. */
export function globOf(step: string): RegExp {
  const source = step.replace(
    /\[(!?)([^\]]+)\]|[*?]|[^*?[]|\[/g,
    (token, negation: string | undefined, members: string) => {
      if (token === '*') return '[^/]*';
      if (token === '?') return '[^/]';
      if (negation !== undefined) return `[${negation === '!' ? '^' : ''}${members.replace(/[\\\]^]/g, '\\$&')}]`;
      return token.replace(/[\\^$.|+(){}[\]/]/g, '\\$&');
    },
  );
  const hidden = step.startsWith('.') ? '' : '(?!\\.)';
  return new RegExp(`^${hidden}${source}$`);
}
