/** Lets an hour pass in seconds: every row that the queue has written becomes older by as much. The clock is never moved. */
import type pg from 'pg';

const ERRORS = `(select jsonb_agg(e || jsonb_build_object('at', to_char(((e ->> 'at')::timestamptz - $1::interval) at time zone 'UTC',
                        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) order by n) from jsonb_array_elements(errors) with ordinality as x(e, n))`;

const TABLES: Readonly<Record<string, readonly string[]>> = {
  jobs: ['due_at', 'created_at', 'started_at', 'lease_until'],
  job_history: ['due_at', 'created_at', 'started_at', 'finished_at'],
  batches: ['claimed_at'],
  settlements: ['at'],
  leases: ['lease_until'],
  notes: ['started_at'],
  drains: ['started_at', 'last_step_at', 'deadline_at', 'finished_at'],
  pauses: ['paused_at'],
  incidents: ['opened_at', 'last_red_at', 'closed_at', 'notified_at', 'recovery_notified_at'],
  watch: ['since', 'looked_at'],
};

/** `interval` in whole minutes: counts are kept by the minute. */
export async function age(client: pg.Client, interval: string): Promise<void> {
  for (const [table, columns] of Object.entries(TABLES)) {
    const sets = columns.map((column) => `${column} = ${column} - $1::interval`);
    const errors = table === 'jobs' || table === 'job_history' ? [`errors = ${ERRORS}`] : [];
    await client.query(`update jobqueue.${table} set ${[...sets, ...errors].join(', ')}`, [interval]);
  }
  for (const column of ['due_at', 'created_at'])
    await client.query(
      `update jobqueue.batches set ${column} = array(select t - $1::interval from unnest(${column}) with ordinality as x(t, n) order by n)
       where ${column} is not null`,
      [interval],
    );
  // Folding reads minutes that are over, so they must not move behind where it has come.
  await client.query('delete from jobqueue.trends');
  await client.query(`update jobqueue.watch set folded_until = date_trunc('minute', now()) - interval '2 days'`);
  // Sorted, all are gone before the first comes back: a drain may have counted in two minutes.
  await client.query(
    `with moved as (delete from jobqueue.rollups returning *)
     insert into jobqueue.rollups select (jsonb_populate_record(null::jobqueue.rollups,
       to_jsonb(moved) || jsonb_build_object('minute', moved.minute - $1::interval))).* from moved order by moved.minute`,
    [interval],
  );
}
