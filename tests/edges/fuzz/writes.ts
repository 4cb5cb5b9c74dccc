/** Tells which tables were written, whoever wrote them. */
import type pg from 'pg';

/**
 * Sets triggers on all tables of the database. Answers how to ask which were written since the last time, once each. Sessions that
 * `set fuzz.quiet = on` are passed over.
 */
export async function tellWrites(sql: pg.Client): Promise<() => Promise<string[]>> {
  await sql.query(TELL_WRITES);
  return async () => {
    const { rows } = await sql.query<{ name: string }>(
      'with gone as (delete from fuzz.writes returning name) select distinct name from gone order by name',
    );
    return rows.map(({ name }) => name);
  };
}

/** Rows are counted by triggers: they see a write that changes nothing, and none that was rolled back. */
const TELL_WRITES = `
  create schema fuzz;
  create unlogged table fuzz.writes (name text not null);
  create function fuzz.tell() returns trigger language plpgsql as $$
  begin
    if current_setting('fuzz.quiet', true) is distinct from 'on' then
      insert into fuzz.writes values (tg_table_schema || '.' || tg_table_name);
    end if;
    return null;
  end $$;
  do $$
  declare found regclass;
  begin
    for found in select c.oid from pg_class c
      where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace in ('public'::regnamespace, 'jobqueue'::regnamespace)
    loop
      execute format('create trigger tell_writes after insert or update or delete on %s for each row execute function fuzz.tell()', found);
    end loop;
  end $$`;
