#!/usr/bin/env bash
# zod 4.6.7 on Node 20: what `.meta()` says of a schema, and which methods hand it on.
#
# Guess:     a method that changes what a schema takes starts without metadata, and one that only tightens an object, such as
#            `.strict()`, keeps it as `.min()` and `.refine()` do.
# Behaviour: checks keep it: `min`, `trim`, `refine`, `brand`. Every method of an object that makes another object drops it, `strict`,
#            `loose` and `catchall` among them. So a mark such as `{ secret: true }` on an object is gone after `.strict()`, and whoever
#            reads marks has to keep them in the definition as well, which those methods copy.
#
# Output seen:
#   kept: string.min string.trim string.refine string.brand object.refine
#   lost: object.strict object.loose object.catchall object.extend object.pick object.partial
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent zod@4.6.7 >/dev/null
cat >look.mjs <<'JS'
import { z } from 'zod';
const text = z.string().meta({ secret: true });
const object = z.object({ a: z.string() }).meta({ secret: true });
const made = {
  'string.min': text.min(2),
  'string.trim': text.trim(),
  'string.refine': text.refine(() => true),
  'string.brand': text.brand('Name'),
  'object.refine': object.refine(() => true),
  'object.strict': object.strict(),
  'object.loose': object.loose(),
  'object.catchall': object.catchall(z.string()),
  'object.extend': object.extend({ b: z.string() }),
  'object.pick': object.pick({ a: true }),
  'object.partial': object.partial(),
};
const names = (kept) => Object.keys(made).filter((name) => (made[name].meta()?.secret === true) === kept).join(' ');
console.log('kept:', names(true));
console.log('lost:', names(false));
const same =
  names(true) === 'string.min string.trim string.refine string.brand object.refine' &&
  names(false) === 'object.strict object.loose object.catchall object.extend object.pick object.partial';
process.exit(same ? 0 : 1);
JS
node look.mjs
