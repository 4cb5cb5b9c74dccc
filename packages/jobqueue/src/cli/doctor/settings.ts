/** Checks the settings of role, database and server that the queue depends on, and the rights of the role. */
import type { Database } from '../../postgres/connect.ts';
import { grants, rightsOf } from '../../postgres/grants.ts';
import { DEFAULT_SCHEMA, placedDatabase } from '../../postgres/schema.ts';
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

/** Below this an exchange that waits for a restart or a slow disk is cancelled. */
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
  const set = (assignment: string) => `alter role ${role} set ${assignment}, then reconnect`;
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
      findings.push(warn(name, `it is ${ms} ms: an exchange that waits longer is cancelled`, set(`${name} = '5s'`)));
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

/** The rights that the queue needs and the role lacks, with the grants that give them. `schema`: where the queue lives. */
export async function rightsFinding(database: Database, schema: string = DEFAULT_SCHEMA): Promise<Finding> {
  const { role, lacks } = await rightsOf(placedDatabase(database, schema));
  if (lacks === null) return ok('rights', `the schema ${schema} does not exist yet`);
  if (lacks.length === 0) return ok('rights', `${role} has all that the queue needs`);
  const some = lacks.slice(0, 3);
  const more = lacks.length > some.length ? ` and ${lacks.length - some.length} more` : '';
  return red(
    'rights',
    `${role} lacks ${some.join(', ')}${more}`,
    ['as the role that migrated, run', ...grants(role, schema)].join('\n'),
  );
}
