/** Checks the settings of role, database and server that the queue depends on, and the rights of the role. */
import type { Database } from '../../postgres/connect.ts';
import { type Finding, ok, red, warn } from './finding.ts';

interface Settings {
  readonly role: string;
  readonly encoding: string;
  readonly isolation: string;
  readonly digits: number;
  readonly statement_ms: number;
  readonly lock_ms: number;
  readonly commit: string;
}

/** Below this a step that waits for a restart or a slow disk is cancelled. */
const SHORTEST_MS = 5_000;

export async function settingsFindings(database: Database): Promise<Finding[]> {
  const [found] = await database.execute<Settings>({
    text: `select quote_ident(session_user) as role, current_setting('server_encoding') as encoding,
                  current_setting('default_transaction_isolation') as isolation, current_setting('extra_float_digits')::int as digits,
                  (select setting::int from pg_settings where name = 'statement_timeout') as statement_ms,
                  (select setting::int from pg_settings where name = 'lock_timeout') as lock_ms,
                  current_setting('synchronous_commit') as commit`,
    params: [],
  });
  if (found === undefined) throw new TypeError('expected the settings of the session');
  const { role, encoding, isolation, digits, commit } = found;
  const set = (assignment: string) => `alter role ${role} set ${assignment}, then connect anew`;
  const findings: Finding[] = [];
  if (encoding !== 'UTF8')
    findings.push(
      red(
        'encoding',
        `the database stores ${encoding}, which cannot hold every payload`,
        "create it with encoding 'UTF8' template template0",
      ),
    );
  if (isolation === 'repeatable read' || isolation === 'serializable')
    findings.push(
      red(
        'isolation',
        `transactions begin at ${isolation}: drains refuse that`,
        set("default_transaction_isolation = 'read committed'"),
      ),
    );
  if (digits < -2)
    findings.push(
      red('extra_float_digits', `it is ${digits}, which rounds every instant`, set('extra_float_digits = 1')),
    );
  for (const [name, ms] of [
    ['statement_timeout', found.statement_ms],
    ['lock_timeout', found.lock_ms],
  ] as const)
    if (ms > 0 && ms < SHORTEST_MS)
      findings.push(warn(name, `it is ${ms} ms: a step that waits longer is cancelled`, set(`${name} = '5s'`)));
  if (commit === 'off')
    findings.push(
      warn(
        'synchronous_commit',
        'it is off: a crash of the server loses jobs that were accepted just before',
        set('synchronous_commit = on'),
      ),
    );
  return findings.length > 0 ? findings : [ok('settings', `those of ${role} suit the queue`)];
}

/** Rights that the schema's functions need and the role lacks, by what the role may do itself or through others. */
export async function rightsFinding(database: Database): Promise<Finding> {
  const missing = await database.execute<{ lacks: string }>({
    text: `
      with ours as (select oid, nspname from pg_namespace where nspname = 'jobqueue')
      select 'usage on schema jobqueue' as lacks from ours where not has_schema_privilege(oid, 'usage')
      union all
      select needed || ' on ' || c.relname
      from ours
      join pg_class c on c.relnamespace = ours.oid
      join (values ('r', 'select'), ('r', 'insert'), ('r', 'update'), ('r', 'delete'), ('S', 'usage'), ('S', 'select'), ('S', 'update')) as n(kind, needed)
        on n.kind = c.relkind::text
      where c.relname <> 'migrations' and (c.relname <> 'audit_log' or needed in ('select', 'insert'))
        and not case c.relkind when 'r' then has_table_privilege(c.oid, needed) else has_sequence_privilege(c.oid, needed) end
      union all
      select 'execute on ' || p.proname
      from ours join pg_proc p on p.pronamespace = ours.oid
      where not has_function_privilege(p.oid, 'execute')
      limit 100`,
    params: [],
  });
  if (missing.length === 0) return ok('rights', 'the role has all that the queue needs');
  const some = missing.slice(0, 3).map(({ lacks }) => lacks);
  const more = missing.length > some.length ? ` and ${missing.length - some.length} more` : '';
  return red(
    'rights',
    `the role lacks ${some.join(', ')}${more}`,
    'as the role that migrated, run what docs/operations.md lists under "Rights of the role"',
  );
}
