/** Lets files take turns that compute all the time: browsers with their server, the demo's development server, writers of many rows. */
import pg from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';

/** The others of its kind together, on a busy machine. */
const TURN_MS = 900_000;

/** Called by a test file before its own hooks: it begins when no other file of this kind runs. A process that dies gives its turn up. */
export function takeTurns(): void {
  let turn: pg.Client;
  beforeAll(async () => {
    turn = new pg.Client(inject('postgresUrl'));
    await turn.connect();
    await turn.query('select pg_advisory_lock(1)');
  }, TURN_MS);
  afterAll(() => turn.end());
}
