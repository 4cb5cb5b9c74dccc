#!/usr/bin/env bash
# esbuild 0.28.2, an ES module bundle for Node.js: `import()` of a package that is CommonJS.
#
# Guess:     code that runs unbundled runs bundled. Node.js finds the names of a CommonJS module by reading it, so
#            `const { name } = await import('some-commonjs')` gives the export.
# Behaviour: bundled, the module's namespace has nothing but `default`, unless the import is static: `import { name } from 'some-commonjs'`
#            is rewritten to a property of it. The build says nothing; the name is undefined when the code runs.
#            With an `import()` that a platform alone reaches, only a deployment notices.
#
# Output seen:
#   Node.js alone: function
#   bundled, import(): undefined
#   bundled, import().default: function
#   bundled, static import: function
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module" }' >package.json
npm install --no-audit --no-fund --silent esbuild@0.28.2 @vercel/functions@3.9.9 >/dev/null
cat >dynamic.js <<'JS'
const loaded = await import('@vercel/functions/db-connections');
export const named = typeof loaded.attachDatabasePool;
export const byDefault = typeof loaded.default?.attachDatabasePool;
JS
cat >static.js <<'JS'
import { attachDatabasePool } from '@vercel/functions/db-connections';
export const named = typeof attachDatabasePool;
JS
npx esbuild dynamic.js static.js --bundle --splitting --format=esm --platform=node --outdir=bundled --log-level=error \
  --banner:js="import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
cat >look.js <<'JS'
const alone = await import('./dynamic.js');
const bundled = await import('./bundled/dynamic.js');
const { named } = await import('./bundled/static.js');
console.log(`Node.js alone: ${alone.named}`);
console.log(`bundled, import(): ${bundled.named}`);
console.log(`bundled, import().default: ${bundled.byDefault}`);
console.log(`bundled, static import: ${named}`);
process.exit(alone.named === 'function' && bundled.named === 'undefined' && bundled.byDefault === 'function' ? 0 : 1);
JS
node look.js
