/** Makes dist/styles.css, the stylesheet of an app that mounts the console: Tailwind over the package's own sources, then kept inside. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import tailwind from '@tailwindcss/postcss';
import postcss from 'postcss';
import keepInside from '../dist/postcss.js';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const [from, to] = [at('../source.css'), at('../dist/styles.css')];
const { css } = await postcss([tailwind({ base: at('..'), optimize: { minify: true } }), keepInside()]).process(
  await readFile(from, 'utf8'),
  { from, to },
);
await writeFile(to, css);
// TypeScript 6 asks for a declaration of what is imported for its effect, and Next.js 15 declares stylesheets by relative paths alone.
await writeFile(`${to}.d.ts`, 'export {};\n');
