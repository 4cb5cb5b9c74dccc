/** A database that tells how Postgres carried out each statement, those inside functions included. */
import pg from 'pg';
import type { Database, Executor } from '../../packages/jobqueue/src/postgres/database.ts';

/** One scan of one table, counted over all loops of all executions. */
export interface Scan {
  readonly statement: string;
  readonly node: string;
  readonly table: string;
  readonly index: string | null;
  /** Rows that it returned, and rows that it read and refused. */
  readonly rows: number;
}

/** One join, counted likewise. */
export interface Join {
  readonly statement: string;
  readonly node: string;
  /** Pairs that it looked at in vain. */
  readonly refused: number;
}

export interface ExplainingDatabase {
  readonly database: Database;
  readonly scans: Scan[];
  readonly joins: Join[];
  close(): Promise<void>;
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly 'Rows Removed by Join Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** One connection, so that each notice belongs to the statement that is under way. */
export async function explaining(url: string): Promise<ExplainingDatabase> {
  const client = new pg.Client(url);
  const scans: Scan[] = [];
  const joins: Join[] = [];
  client.on('notice', ({ message = '' }) => {
    const start = message.indexOf('{');
    if (!message.startsWith('duration:') || start < 0) return;
    const { 'Query Text': statement, Plan } = JSON.parse(message.slice(start));
    collect(Plan, statement, { scans, joins });
  });
  await client.connect();
  await client.query(`load 'auto_explain'`);
  for (const setting of ['log_min_duration = 0', 'log_nested_statements = on', 'log_analyze = on', 'log_timing = off'])
    await client.query(`set auto_explain.${setting}`);
  await client.query(`set auto_explain.log_format = 'json'; set auto_explain.log_level = 'notice'`);

  let last: Promise<unknown> = Promise.resolve();
  const execute: Executor['execute'] = <Row extends object>({ text, params }: Parameters<Executor['execute']>[0]) => {
    const rows = last.then(() => client.query<Row>(text, [...params])).then((result) => result.rows);
    last = rows.catch(() => undefined);
    return rows;
  };
  const refuse = () => {
    throw new Error('this database answers one-shot statements only');
  };
  return {
    database: {
      driver: 'postgres',
      address: 'explained',
      execute,
      transaction: refuse,
      close: async () => undefined,
    },
    scans,
    joins,
    close: () => client.end(),
  };
}

function collect(node: PlanNode, statement: string, found: { scans: Scan[]; joins: Join[] }): void {
  const table = node['Relation Name'];
  const loops = node['Actual Loops'] ?? 1;
  if (table !== undefined && node['Node Type'].endsWith('Scan')) {
    const perLoop =
      (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
    found.scans.push({
      statement,
      node: node['Node Type'],
      table,
      index: node['Index Name'] ?? null,
      rows: perLoop * loops,
    });
  }
  const refused = node['Rows Removed by Join Filter'];
  if (refused !== undefined) found.joins.push({ statement, node: node['Node Type'], refused: refused * loops });
  for (const child of node.Plans ?? []) collect(child, statement, found);
}
