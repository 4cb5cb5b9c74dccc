/**
 * `npm run vercel-build`: the platform runs it before it traces each function of api/. Bundles all of them, the first time that it is
 * called in a build, and lets each entry lead to its bundle: unbundled, a drain is 1,400 files that a cold start has to open.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { BUNDLED_SOURCES, BUNDLES, type Bundle, bundleFunctions, functionEntries } from './functions/bundle.ts';

/** The first line of an entry that leads to its bundle; what follows is no source that anybody wrote. */
const MARK = '// @ts-nocheck: written by the build, see scripts/bundle-functions.ts';

if (!process.env.CI) console.log('api/ is left as it is: only a build server (CI) has a checkout to throw away.');
else if (!isDone()) await bundleInPlace();

function isDone(): boolean {
  return existsSync(BUNDLES) && functionEntries().every((entry) => readFileSync(entry, 'utf8').startsWith(MARK));
}

async function bundleInPlace(): Promise<void> {
  const started = performance.now();
  const bundles = await bundleFunctions();
  for (const { entry, file, exports } of bundles) {
    const up = '../'.repeat(entry.split('/').length - 1);
    writeFileSync(entry, `${MARK}\nexport { ${exports.join(', ')} } from '${up}${file}';\n`);
  }
  const files = Object.entries(Object.assign({}, ...bundles.map(({ carries }) => carries)) as Bundle['carries']);
  const sources = files.map(([file, { inputs }]) => [file, Object.keys(inputs)] as const);
  writeFileSync(BUNDLED_SOURCES, JSON.stringify(Object.fromEntries(sources)));
  console.log(`Bundled ${bundles.length} functions in ${Math.round(performance.now() - started)} ms.`);
}
