#!/usr/bin/env bash
# libphonenumber-js 1.13.16, entry `libphonenumber-js/max`, on Node 20: `import` and `require` of one entry do not export the same.
#
# Guess:     what `max/index.d.cts` declares for `require` exists there, as it does for `import`.
# Behaviour: `Metadata` is declared for both and exported by the ES module alone. Code that compiles ends with «Metadata is not a
#            constructor» as soon as a bundler or a loader makes CommonJS of it.
#
# Output seen:
#   declared for require: true
#   exported by import: function
#   exported by require: undefined
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent libphonenumber-js@1.13.16 >/dev/null
cat >look.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as imported from 'libphonenumber-js/max';
const required = createRequire(import.meta.url)('libphonenumber-js/max');
const declared = readFileSync('node_modules/libphonenumber-js/max/index.d.cts', 'utf8').includes('export class Metadata');
console.log(`declared for require: ${declared}`);
console.log(`exported by import: ${typeof imported.Metadata}`);
console.log(`exported by require: ${typeof required.Metadata}`);
process.exit(declared && imported.Metadata !== undefined && required.Metadata === undefined ? 0 : 1);
JS
node look.mjs
