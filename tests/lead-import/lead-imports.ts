/** Imports on a database of the test file's own: upload, run the handler as a drain would, read what is there. */
import { randomUUID } from 'node:crypto';
import { connect, type Database } from '../../db/client.ts';
import { readImport } from '../../lib/imports/status.ts';
import { uploadFile } from '../../lib/imports/upload.ts';
import { isContinue, type JobContext } from '../../lib/jobqueue/job.ts';
import { importLeads } from '../../lib/jobs/lead-import/run.ts';
import { freshDatabase } from '../support/database.ts';

export interface RunOptions {
  signal?: AbortSignal;
  deadline?: Date;
  state?: unknown;
  checkpoint?: (state: unknown) => Promise<void>;
}

export interface LeadImports {
  readonly database: Database;
  /** Answers the import's id. */
  upload(file: string | Uint8Array, options?: { country?: string; companyId?: string }): Promise<string>;
  /** One run of the handler, on `through` instead of the plain database if given. */
  run(importId: string, options?: RunOptions, through?: Database): Promise<unknown>;
  /** Runs until the import ends; answers how many runs it took. */
  runToEnd(importId: string, next?: () => RunOptions): Promise<number>;
  status(importId: string): ReturnType<typeof readImport>;
  rows<Row extends object>(text: string, ...params: unknown[]): Promise<Row[]>;
}

export const COMPANY = 'acme';

/** On a database of its own. */
export async function leadImports(): Promise<LeadImports & { close(): Promise<void> }> {
  const fresh = await freshDatabase();
  const database = connect(fresh.url);
  return {
    ...leadImportsOn(database),
    async close() {
      await database.close();
      await fresh.drop();
    },
  };
}

export function leadImportsOn(database: Database): LeadImports {
  const run: LeadImports['run'] = async (importId, options = {}, through = database) => {
    const text = 'select company_id, job_id from imports where id = $1';
    const [stored] = await database.execute<{ company_id: string; job_id: string | null }>({
      text,
      params: [importId],
    });
    const payload = { companyId: stored?.company_id ?? COMPANY, importId };
    return importLeads(through, jobContext(payload, stored?.job_id ?? '1', options));
  };
  return {
    database,
    async upload(file, { country = 'AE', companyId = COMPANY } = {}) {
      const importId = randomUUID();
      const upload = { importId, companyId, fileName: null, country, delimiter: null };
      await uploadFile(database, upload, Buffer.from(file));
      return importId;
    },
    run,
    async runToEnd(importId, next = () => ({})) {
      let state: unknown = null;
      for (let runs = 1; ; runs++) {
        const outcome = await run(importId, { state, ...next() });
        if (!isContinue(outcome)) return runs;
        state = outcome.state;
      }
    },
    status: (importId) => readImport(database, async () => ({ status: 'PROCESSING' }), importId),
    rows: (text, ...params) => database.execute({ text, params }),
  };
}

function jobContext<Payload>(payload: Payload, id: string, options: RunOptions): JobContext<Payload> {
  const {
    signal = new AbortController().signal,
    deadline = new Date(Date.now() + 120_000),
    state = null,
    checkpoint = () => Promise.resolve(),
  } = options;
  return {
    payload,
    job: {
      id,
      type: 'lead_import',
      queue: 'default',
      priority: 0,
      attempt: 1,
      maxAttempts: 5,
      fence: 1,
      idempotencyKey: null,
      createdAt: new Date(),
      dueAt: new Date(),
      schedule: null,
      state,
    },
    signal,
    deadline,
    checkpoint,
    rateLimit: Object.assign(() => Promise.resolve(), { blockUntil: () => Promise.resolve() }),
    progress: () => {},
  };
}
