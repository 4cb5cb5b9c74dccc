/** The name of the queue's schema. Every SQL text says `jobqueue.`; a queue of another name has that prefix replaced. No I/O. */
import { refused, type Where } from '../core/options.ts';
import type { Database, Executor, Statement } from './database.ts';

export const DEFAULT_SCHEMA = 'jobqueue';

/** A name that SQL folds to itself, as long as PostgreSQL keeps one. */
const PATTERN = /^[a-z_][a-z0-9_]{0,62}$/;
const EXPECTED =
  "the name of a schema of its own: 1 to 63 of a-z, 0-9 and _, no digit first, neither 'public', 'information_schema' nor pg_…";

/** The schema's name, checked: the default if none is given. Throws QueueError `option_invalid`. */
export function schemaName(name: string | undefined, where: Where): string {
  if (name === undefined) return DEFAULT_SCHEMA;
  const isTaken = name === 'public' || name === 'information_schema' || String(name).startsWith('pg_');
  if (typeof name === 'string' && PATTERN.test(name) && !isTaken) return name;
  throw refused('schema', EXPECTED, name, where);
}

/** The schema before a name, and its own name as a literal, which `'jobqueue'::regnamespace` alone uses. */
const PREFIX = /(?<![\w."$])jobqueue\.(?=[a-z_])|'jobqueue'/g;

/** The SQL text for a queue whose schema has this checked name. Quoted, because `order` and `user` are valid names. */
export function inSchema(text: string, schema: string): string {
  if (schema === DEFAULT_SCHEMA) return text;
  return text.replace(PREFIX, (found) => (found === "'jobqueue'" ? `'"${schema}"'` : `"${schema}".`));
}

/** The queue has some 150 texts, and a few of them depend on their call. Beyond this many the oldest is made anew. */
const MOST_TEXTS = 500;

/** Places statements in the schema of this checked name; each text is rewritten once. */
export function placing(schema: string): <Placed extends Statement>(statement: Placed) => Placed {
  if (schema === DEFAULT_SCHEMA) return (statement) => statement;
  const placed = new Map<string, string>();
  return (statement) => {
    let text = placed.get(statement.text);
    if (text === undefined) {
      text = inSchema(statement.text, schema);
      if (placed.size === MOST_TEXTS) placed.delete(placed.keys().next().value ?? '');
      placed.set(statement.text, text);
    }
    return { ...statement, text };
  };
}

/** The same database for statements of the queue: they reach the schema of this checked name. */
export function placedDatabase(database: Database, schema: string): Database {
  if (schema === DEFAULT_SCHEMA) return database;
  const place = placing(schema);
  const executorOf = ({ execute }: Executor): Executor => ({
    execute: (statement, options) => execute(place(statement), options),
  });
  return {
    ...database,
    ...executorOf(database),
    transaction: (run) => database.transaction((tx) => run(executorOf(tx))),
  };
}
