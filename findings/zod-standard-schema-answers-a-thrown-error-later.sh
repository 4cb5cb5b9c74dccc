#!/usr/bin/env bash
# zod 4.6.7 through Standard Schema, on Node 20: a transform without any `await` that throws, beside valibot 1.5.0 and arktype 2.2.10.
#
# Guess:     `schema['~standard'].validate(value)` of a schema without asynchronous parts answers at once or throws what the transform threw,
#            as `schema.parse(value)` does.
# Behaviour: zod catches whatever the synchronous pass throws, its own signal for asynchronous parts and any error alike, and validates again
#            asynchronously: the transform runs twice, and the answer is a promise that rejects. A caller that refuses promises as «this schema is
#            asynchronous» blames the wrong thing, and one that drops the promise has an unhandled rejection. valibot and arktype throw the error at once.
#
# Output seen:
#   zod: a promise, rejected with «no JSON», the transform ran 2 times
#   zod, parse: thrown at once «no JSON», the transform ran 1 times
#   valibot: thrown at once «no JSON», the transform ran 1 times
#   arktype: thrown at once «no JSON», the transform ran 1 times
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent zod@4.6.7 valibot@1.5.0 arktype@2.2.10 >/dev/null
cat >look.mjs <<'JS'
import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
let runs = 0;
const refuse = () => {
  runs++;
  throw new Error('no JSON');
};
async function look(ask) {
  runs = 0;
  try {
    const answer = ask();
    if (!(answer instanceof Promise)) return `answered ${JSON.stringify(answer)}`;
    const end = await answer.then(() => 'resolved', (error) => `rejected with «${error.message}»`);
    return `a promise, ${end}, the transform ran ${runs} times`;
  } catch (error) {
    return `thrown at once «${error.message}», the transform ran ${runs} times`;
  }
}
const inZod = z.string().transform(refuse);
const lines = [
  `zod: ${await look(() => inZod['~standard'].validate('x'))}`,
  `zod, parse: ${await look(() => inZod.parse('x'))}`,
  `valibot: ${await look(() => v.pipe(v.string(), v.transform(refuse))['~standard'].validate('x'))}`,
  `arktype: ${await look(() => type('string').pipe(refuse)['~standard'].validate('x'))}`,
];
console.log(lines.join('\n'));
const atOnce = 'thrown at once «no JSON», the transform ran 1 times';
const seen = ['zod: a promise, rejected with «no JSON», the transform ran 2 times', `zod, parse: ${atOnce}`, `valibot: ${atOnce}`, `arktype: ${atOnce}`];
process.exitCode = lines.join() === seen.join() ? 0 : 1;
JS
node look.mjs
