import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { APP_NAMES } from '../src/app/names.ts';

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file));
const PAGES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...filesBelow('docs'), ...filesBelow('src')].filter(
  (file) => /\.(?:md|yaml)$/.test(file),
);
/** Of folders, which name their files without them. */
const FOLDER_PAGES = PAGES.filter((page) => /^src\/.*README\.md$/.test(page));
const textOf = (file: string): string => readFileSync(file, 'utf8');

const NAMED_FILE = /`((?:(?:src|test|native|fixtures|signatures|docs)\/[\w./*-]+)|(?:[a-z-]+\/[\w./-]+\.ts))`/g;

describe('what the docs name', () => {
  test('events have every protocol', () => {
    const row = /^\| `app_proto` \|.*$/m.exec(textOf('docs/events.md'))?.[0] ?? '';
    expect(APP_NAMES.filter((name) => !row.includes(`\`${name}\``))).toEqual([]);
  });

  test('links lead to files that are there, and to headings of theirs', () => {
    const links = PAGES.flatMap((page) =>
      Array.from(textOf(page).matchAll(/\]\(([^)#:\s]*)(?:#([^)\s]+))?\)/g), ([, path, anchor]) => ({
        page,
        path,
        anchor,
      })),
    );
    expect(links.length).toBeGreaterThan(100);
    const broken = links.filter(({ page, path = '', anchor }) => {
      const target = path === '' ? page : join(dirname(page), path);
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(textOf(target)).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  test('sources and tests are there', () => {
    const named = PAGES.filter((page) => page !== 'CHANGELOG.md').flatMap((page) =>
      Array.from(textOf(page).matchAll(NAMED_FILE), ([, path]) => ({ page, path: path! })),
    );
    expect(named.length).toBeGreaterThan(20);
    // What follows a star or a word in capitals is any name. Sources are named from `src` on, too.
    const absent = named.filter(({ path }) => {
      const known = path.replace(/[^/]*(?:\*|[A-Z]{3,}).*/, '');
      return !existsSync(known) && !existsSync(join('src', known));
    });
    expect(absent).toEqual([]);
  });

  test('files that a folder of src tells of are in it, or beside it where `../` says so', () => {
    const named = FOLDER_PAGES.flatMap((page) =>
      Array.from(textOf(page).matchAll(/`([\w./*-]+\.ts)`/g), ([, path]) => ({ page, path: path! })),
    );
    expect(named.length).toBeGreaterThan(200);
    const absent = named.filter(({ page, path }) => {
      const names = filesBelow(dirname(page)).map((file) => `/${file}`);
      const [before, after] = `/${path.replace('../', '')}`.split('*');
      const isNamed = (file: string): boolean =>
        after === undefined ? file.endsWith(before!) : file.includes(before!) && file.endsWith(after);
      return !names.some(isNamed) && !existsSync(path) && !existsSync(join('src', path));
    });
    expect(absent).toEqual([]);
  });

  test('every file that stands directly in stream, detect or service is told of there', () => {
    const untold = ['stream', 'detect', 'service'].flatMap((folder) => {
      const page = textOf(`src/${folder}/README.md`);
      return readdirSync(join('src', folder)).filter(
        (file) =>
          /\.ts$/.test(file) &&
          !page.includes(`\`${file}\``) &&
          !(/-findings\.ts$/.test(file) && page.includes('`*-findings.ts`')),
      );
    });
    expect(untold).toEqual([]);
  });
});

/** As GitHub makes them of headings. */
const anchorsOf = (page: string): string[] =>
  Array.from(page.matchAll(/^#+ (.*)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
