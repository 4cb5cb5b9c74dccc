/** 100,000 rows: in slices that keep every deadline, with a heap that does not grow. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isContinue } from '../../packages/jobqueue/src/core/job.ts';
import type { Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { takeTurns } from '../support/take-turns.ts';
import { leadImports } from './lead-imports.ts';

takeTurns();

let imports: Awaited<ReturnType<typeof leadImports>>;
beforeAll(async () => {
  imports = await leadImports();
});
afterAll(() => imports.close());

const ROWS = 100_000;
/** Between any two slices: how much of a range of the file is still ahead, and its records. The file is 10 MB. */
const GROWTH_BYTES = 4 * 1024 * 1024;
/** Short enough that the import takes several runs, long enough for the slowest slice on a loaded machine. */
const RUN_MS = 4_000;

function file(): Buffer {
  const rows = Array.from({ length: ROWS }, (_, n) => {
    const phone = n % 100 === 99 ? '0501' : `050${1_000_000 + n}`;
    return `${phone},"Lead ${n}, with a name",lead${n}@example.com,Campaign,"Said ""call me"" in row ${n}"`;
  });
  return Buffer.from(`Phone,Name,Email,Source,Notes\r\n${rows.join('\r\n')}\r\n`);
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Measures after every 20th slice, which is where a run holds most. */
function measured(database: Database, seen: number[]): Database {
  let commits = 0;
  return {
    ...database,
    async execute(statement, options) {
      if (/insert into leads/.test(statement.text) && ++commits % 20 === 0) seen.push(heldBytes());
      return database.execute<never>(statement, options);
    },
  };
}

test('100,000 rows', { timeout: 180_000 }, async () => {
  const importId = await imports.upload(file());
  const held: number[] = [];
  const through = measured(imports.database, held);
  let runs = 0;
  for (let state: unknown = null, ended = false; !ended; runs++) {
    const deadline = new Date(Date.now() + RUN_MS);
    const outcome = await imports.run(importId, { deadline, state }, through);
    expect(Date.now()).toBeLessThan(deadline.getTime());
    ended = !isContinue(outcome);
    if (isContinue(outcome)) state = outcome.state;
  }
  expect(await imports.status(importId)).toMatchObject({
    status: 'completed',
    counts: { rows: ROWS, created: 99_000, updated: 0, unchanged: 0, duplicates: 0, errors: 1_000 },
  });
  expect(runs).toBeGreaterThan(1);
  expect(held.length).toBeGreaterThanOrEqual(9);
  const [, settled = 0, ...later] = held; // at the first look this test's own upload may not have been freed
  expect(Math.max(...later) - settled).toBeLessThan(GROWTH_BYTES);
});
