/**
 * Empties tables between tests. A truncate makes new files for each of their indexes and has every session plan anew what reads them,
 * so small tables are deleted from, whatever refers to them, and only large ones are truncated. As with a truncate, what a client that was
 * killed still writes is waited for.
 */

/** In bytes: above it a truncate is quicker than a delete and its dead rows. */
const LARGE = 512 * 1024;

/** All tables of the queue that have rows of jobs, keys aside. */
export const JOB_TABLES = ['jobs', 'job_history', 'batches', 'blocks', 'settlements', 'leases', 'notes'].map(
  (table) => `jobqueue.${table}`,
);

/** SQL, of a superuser: empties `tables`, and those that refer to them. No trigger fires. */
export function emptied(...tables: readonly string[]): string {
  return `do $$
    declare
      reached text[];
      table_name text;
    begin
      set local session_replication_role = replica;
      with recursive reach(t) as (
        select unnest('{${tables.join()}}'::regclass[])
        union
        select c.conrelid::regclass from pg_constraint c join reach on c.confrelid = reach.t and c.contype = 'f'
      )
      select array_agg(t::text) into reached from reach;
      execute 'lock table ' || array_to_string(reached, ', ') || ' in exclusive mode';
      if (select max(pg_table_size(t)) from unnest(reached::regclass[]) t) > ${LARGE} then
        execute 'truncate ' || array_to_string(reached, ', ');
      else
        foreach table_name in array reached loop
          execute 'delete from ' || table_name;
        end loop;
      end if;
    end $$`;
}
