/** The rights that an app's role needs in the queue's schema: the grants that give them, and those that a role lacks. */
import type { Executor } from './database.ts';
import { DEFAULT_SCHEMA, schemaName } from './schema.ts';

/** The functions run with the rights of their caller, and reads go to the tables. The audit log stays append-only by a trigger. */
const NEEDED = {
  tables: ['select', 'insert', 'update', 'delete'],
  sequences: ['usage', 'select', 'update'], // select and update: a sequence that is behind its rows is raised
  functions: ['execute'], // everybody's by default, unless that was revoked
} as const;

const OBJECTS = Object.entries(NEEDED);

/**
 * The SQL statements that give `role`, written as in SQL, all that enqueueing, drains and operators need in the schema. The role that
 * migrates runs them once; the last three are for what later migrations make. Throws QueueError `option_invalid`.
 */
export function grants(role: string, schema: string = DEFAULT_SCHEMA): readonly string[] {
  const inside = `in schema ${schemaName(schema, { call: 'grants' })}`;
  return [
    `grant usage on schema ${schema} to ${role};`,
    ...OBJECTS.map(([objects, rights]) => `grant ${rights.join(', ')} on all ${objects} ${inside} to ${role};`),
    ...OBJECTS.map(
      ([objects, rights]) => `alter default privileges ${inside} grant ${rights.join(', ')} on ${objects} to ${role};`,
    ),
  ];
}

export interface RoleRights {
  /** The session's role, written as in SQL. */
  readonly role: string;
  /** Such as `update on jobs`, at most 100; null: the schema does not exist. */
  readonly lacks: readonly string[] | null;
}

/** The rights that the session's role lacks, by what it may do itself or through other roles. */
export async function rightsOf(executor: Executor): Promise<RoleRights> {
  const [found] = await executor.execute<RoleRights>({
    text: `
      with ours as (select to_regnamespace('jobqueue') as oid), lacking as (
        select 'usage on schema ' || ours.oid::text as lacks from ours where not has_schema_privilege(ours.oid, 'usage')
        union all
        select needed || ' on ' || c.relname
        from ours
        join pg_class c on c.relnamespace = ours.oid
        cross join unnest(case c.relkind when 'r' then $1::text[] when 'S' then $2::text[] end) as needed
        where c.relname <> 'migrations' and (c.relname <> 'audit_log' or needed in ('select', 'insert'))
          and not case c.relkind when 'r' then has_table_privilege(c.oid, needed) else has_sequence_privilege(c.oid, needed) end
        union all
        select 'execute on ' || p.proname
        from ours join pg_proc p on p.pronamespace = ours.oid
        where not has_function_privilege(p.oid, 'execute')
        limit 100
      )
      select quote_ident(current_user) as role, case when ours.oid is not null then to_jsonb(array(select lacks from lacking)) end as lacks
      from ours`,
    params: [`{${NEEDED.tables.join(',')}}`, `{${NEEDED.sequences.join(',')}}`],
  });
  if (found === undefined) throw new TypeError('expected the rights of the session’s role');
  return found;
}
