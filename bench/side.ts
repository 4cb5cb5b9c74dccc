/** This queue as some checkout of the repository has built it, connected to a database. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Core from '@conversure/jobqueue';
import type * as Postgres from '@conversure/jobqueue/postgres';

const anyPayload = { '~standard': { version: 1, vendor: 'bench', validate: (value: unknown) => ({ value }) } } as const;

/** A queue whose only type `noop` runs `run`. */
export interface Side {
  readonly queue: { drain(options: Core.DrainOptions): Promise<Core.DrainReport> };
  /** Statements that were sent so far. */
  readonly sent: () => number;
  close(): Promise<void>;
}

export async function openSide(folder: string, url: string, run: () => Promise<void>): Promise<Side> {
  const { createQueue, defineJob } = await importBuilt<typeof Core>(folder, 'index.js');
  const { connect } = await importBuilt<typeof Postgres>(folder, 'postgres/index.js');
  const noop = defineJob({ type: 'noop', payload: anyPayload, handler: async () => ({ run }) });
  const database = connect(url);
  let sent = 0;
  const counted: Postgres.Database = {
    ...database,
    execute: (statement, options) => {
      sent += 1;
      return database.execute(statement, options);
    },
  };
  const queue = createQueue({ database: counted, jobs: [noop], log: () => undefined });
  return { queue, sent: () => sent, close: () => database.close() };
}

export async function migrateSide(folder: string, url: string): Promise<void> {
  const { migrate } = await importBuilt<typeof Postgres>(folder, 'postgres/index.js');
  await migrate({ url });
}

/** Each checkout's own copy: a name would find this one's. */
function importBuilt<Module>(folder: string, file: string): Promise<Module> {
  return import(pathToFileURL(join(folder, 'packages/jobqueue/dist', file)).href);
}
