/** Tools that few tests need, installed by one command into this folder. CI installs them, so that it leaves none of those tests out. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const COMMAND = 'npm install --prefix packages/jobqueue/tests/tools --no-package-lock';

export const TOOLS = fileURLToPath(new URL('.', import.meta.url));

/** CommonJS modules of this folder's packages. */
export const requireTool = createRequire(import.meta.url);

/** ES modules of this folder's packages. Their types are not there either, so each caller declares what it uses. */
export function importTool<Module>(name: string): Promise<Module> {
  return import(/* @vite-ignore */ name);
}

const { dependencies } = requireTool('./package.json') as { readonly dependencies: Readonly<Record<string, string>> };
const missing = Object.keys(dependencies).filter((name) => !existsSync(`${TOOLS}node_modules/${name}`));

/** False, after a warning, where tests have to be skipped. Throws in CI. */
export const hasTools = missing.length === 0;

if (!hasTools) {
  const words = `expected ${missing.join(', ')} in ${TOOLS}node_modules. Install them: ${COMMAND}`;
  if (process.env.CI) throw new Error(words);
  console.warn(`SKIPPED tests: ${words}`);
}
