/** The project with a document's code in it: each `ts` block whose first line names a file becomes that file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { blocksOf } from './markdown.ts';

export interface Mirror {
  /** Loads a file of the mirror, as the app would. */
  load(path: string): Promise<Record<string, unknown>>;
  /** The compiler's messages about the mirror; empty if it compiles. */
  compile(): Promise<string>;
  remove(): void;
}

/** `edit` does what the document says in words, file by file. */
export function mirrorWith(
  documents: readonly string[],
  edit: Readonly<Record<string, (text: string) => string>> = {},
): Mirror {
  mkdirSync('.data', { recursive: true }); // git-ignored, and inside the project: there its packages are found
  const root = mkdtempSync(resolve('.data/docs-'));
  for (const folder of ['lib', 'db']) cpSync(folder, join(root, folder), { recursive: true });
  const blocks = documents.flatMap((document) => blocksOf(document, 'ts'));
  const files: string[] = [];
  for (const { text: code, line } of blocks) {
    const path = /^\/\/ (\S+\.ts)\n/.exec(code)?.[1];
    if (path === undefined) throw new Error(`the ts block at line ${line} does not say which file it is`);
    files.push(path);
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(
      join(root, path),
      code.replace(/'@\/([^']+)'/g, (_, name) => `'${moduleAt(root, name, dirname(path))}'`),
    );
  }
  for (const [path, change] of Object.entries(edit)) {
    const file = join(root, path);
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  }
  writeFileSync(join(root, 'tsconfig.json'), JSON.stringify({ ...TSCONFIG, files }));
  return {
    load: (path) => import(/* @vite-ignore */ join(root, path)),
    async compile() {
      const tsc = resolve('node_modules/@typescript/native/bin/tsc');
      const child = spawn(process.execPath, [tsc, '--noEmit', '-p', root], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
      return code !== 0 && said === '' ? `tsc ended with ${code}, without a word` : said;
    },
    remove: () => rmSync(root, { recursive: true }),
  };
}

const TSCONFIG = {
  extends: '../../tsconfig.json',
  compilerOptions: { incremental: false, plugins: [], paths: {}, typeRoots: ['../../node_modules/@types'] },
  include: [],
};

/** The Next.js app's alias, resolved by hand: `@/lib/queue` may be a file or a folder with an index. */
function moduleAt(root: string, name: string, from: string): string {
  const file = existsSync(join(root, `${name}.ts`)) ? `${name}.ts` : `${name}/index.ts`;
  const path = relative(from, file);
  return path.startsWith('.') ? path : `./${path}`;
}
