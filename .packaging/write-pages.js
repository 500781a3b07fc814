// Writes man pages and the completion of the built program: node .packaging/write-pages.js DIST MAN_FOLDER COMPLETION_FILE
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, manFolder, completionFile] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(resolve(dist, 'cli', file)).href);
const { buildProgram } = await load('program.js');
const { manPages } = await load('man-page.js');
const { bashCompletion } = await load('completion.js');
const { packageVersion } = await load('package-version.js');

const program = await buildProgram();
for (const [file, text] of manPages(program, packageVersion())) writeFileSync(join(manFolder, file), text);
writeFileSync(completionFile, bashCompletion(program));
