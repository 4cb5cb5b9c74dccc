/** Drizzle's transactions (0.30 and later, 1.0), over each of its PostgreSQL drivers that has transactions. Imports no drizzle. */
import type { Statement } from '../database.ts';
import type { Recognised } from './recognised.ts';

/** The `tx` of `db.transaction(…)`. */
export interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>;
  rollback(): never;
}

/** A statement as drizzle takes it: `db.execute(sql)`, alone or in `db.batch([…])`. It cannot be a part of a larger `sql` template. */
export interface DrizzleSql {
  // biome-ignore lint/suspicious/noExplicitAny: drizzle's SQL has private members, so no type but its own fits; importing it is what this file avoids.
  getSQL(): any;
}

/** Drizzle marks its classes with this symbol, so that copies of it know each other's. */
const ENTITY_KIND = Symbol.for('drizzle:entityKind');

export function drizzleTransaction(value: object): Recognised {
  const kinds = kindsOf(value);
  const [kind] = kinds;
  if (kind === undefined) return null;
  if (!kinds.some((each) => each === 'PgTransaction' || each === 'PgAsyncTransaction'))
    return `drizzle's ${kind}, which is no transaction of PostgreSQL`;
  const { execute } = value as DrizzleTransaction;
  return {
    async execute<Row extends object>(statement: Statement) {
      const result = await execute.call(value, drizzleSql(statement) as never);
      return (Array.isArray(result) ? result : (result as { rows: unknown }).rows) as Row[];
    },
  };
}

/** All that drizzle's `execute` asks of a query is its text and parameters. */
export function drizzleSql({ text, params }: Statement): DrizzleSql {
  return { getSQL: () => ({ toQuery: () => ({ sql: text, params: [...params] }) }) };
}

/** The marks of the value's class and of those that it extends, the nearest first. */
function kindsOf(value: object): string[] {
  const kinds: string[] = [];
  // A class of drizzle extends at most four others; the bound ends a chain that was made to have no end.
  let prototype: object | null = Object.getPrototypeOf(value);
  for (let depth = 0; prototype !== null && depth < 10; depth++) {
    const made: unknown = prototype.constructor;
    if (typeof made === 'function' && Object.hasOwn(made, ENTITY_KIND))
      kinds.push(String((made as { [ENTITY_KIND]?: unknown })[ENTITY_KIND]));
    prototype = Object.getPrototypeOf(prototype);
  }
  return kinds;
}
