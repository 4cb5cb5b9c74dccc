/** The app's migrations that databases have applied already: `migrate` refuses a text that changed, be it in a comment. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const FOLDER = 'db/migrations';
const released = readFileSync(`${FOLDER}/released.sha256`, 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('  ').reverse() as [name: string, sha256: string]);

test.each(released)('%s is as it was released', (name, sha256) => {
  expect(
    createHash('sha256')
      .update(readFileSync(`${FOLDER}/${name}`))
      .digest('hex'),
  ).toBe(sha256);
});
