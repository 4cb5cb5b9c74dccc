/** Imports on a database of the test file's own: upload, run the handler as a drain would, read what is there. */
import { randomUUID } from 'node:crypto';
import { undoLeads } from '../../lib/imports/import-undo/run.ts';
import { importLeads } from '../../lib/imports/lead-import/run.ts';
import type { NewImport } from '../../lib/imports/new-import.ts';
import { readImport } from '../../lib/imports/status.ts';
import { uploadFile } from '../../lib/imports/upload.ts';
import { isContinue, type JobContext } from '../../packages/jobqueue/src/core/job.ts';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { ConnectionError } from '../../packages/jobqueue/src/postgres/errors.ts';
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
  upload(file: string | Uint8Array, options?: UploadOptions): Promise<string>;
  /** One run of the handler, on `through` instead of the plain database if given. */
  run(importId: string, options?: RunOptions, through?: Database): Promise<unknown>;
  /** Runs until the import ends; answers how many runs it took. */
  runToEnd(importId: string, next?: () => RunOptions): Promise<number>;
  /** Uploads, runs to the end, and answers what is there then. */
  imported(file: string | Uint8Array, options?: UploadOptions): Promise<Imported>;
  /** Runs the undo until it ends. */
  undo(importId: string, next?: () => RunOptions): Promise<unknown>;
  status(importId: string): ReturnType<typeof readImport>;
  rows<Row extends object>(text: string, ...params: unknown[]): Promise<Row[]>;
}

export const COMPANY = 'acme';

export type UploadOptions = { country?: string; companyId?: string } & Partial<
  Pick<NewImport, 'encoding' | 'delimiter' | 'dryRun' | 'options'>
>;

export interface Imported {
  readonly importId: string;
  readonly companyId: string;
  readonly view: NonNullable<Awaited<ReturnType<typeof readImport>>>;
  /** As `2 created`. */
  readonly outcomes: readonly string[];
  /** The company's leads, in the order of their creation. */
  readonly leads: readonly StoredLead[];
}

export interface StoredLead {
  phone: string;
  name: string | null;
  email: string | null;
  source: string | null;
  organisation: string | null;
  notes: string | null;
  tags: string[];
  version: string;
}

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
  const upload: LeadImports['upload'] = async (file, { country = 'AE', companyId = COMPANY, ...chosen } = {}) => {
    const importId = randomUUID();
    const upload = { importId, companyId, createCompany: true, fileName: null, country, delimiter: null, ...chosen };
    await uploadFile(database, upload, Buffer.from(file));
    return importId;
  };
  const runToEnd: LeadImports['runToEnd'] = async (importId, next = () => ({})) => {
    let state: unknown = null;
    for (let runs = 1; ; runs++) {
      const outcome = await runAgainWhenLate(next(), (options) => run(importId, { state, ...options }));
      if (outcome === LATE) continue;
      if (!isContinue(outcome)) return runs;
      state = outcome.state;
    }
  };
  const read = (importId: string) => readImported(database, importId);
  return {
    database,
    upload,
    run,
    runToEnd,
    async imported(file, options = {}) {
      const { companyId = `company-${++companies}` } = options;
      const importId = await upload(file, { ...options, companyId });
      await runToEnd(importId);
      return read(importId);
    },
    async undo(importId, next = () => ({})) {
      const [stored] = await database.execute<{ company_id: string }>({
        text: 'select company_id from imports where id = $1',
        params: [importId],
      });
      const payload = { companyId: stored?.company_id ?? COMPANY, importId };
      for (;;) {
        const outcome = await runAgainWhenLate(next(), (options) =>
          undoLeads(database, jobContext(payload, '1', options)),
        );
        if (outcome !== LATE && !isContinue(outcome)) return outcome;
      }
    },
    status: (importId) => readImport(database, async () => ({ status: 'PROCESSING' }), importId),
    rows: (text, ...params) => database.execute({ text, params }),
  };
}

let companies = 0;

const LATE = Symbol('late');

/** A run behind its deadline waits a second for an answer, which a busy machine may miss: the queue would run it again. */
async function runAgainWhenLate<T>(options: RunOptions, run: (options: RunOptions) => Promise<T>) {
  try {
    return await run(options);
  } catch (error) {
    const isLate = error instanceof ConnectionError && options.deadline !== undefined && options.deadline <= new Date();
    if (isLate) return LATE;
    throw error;
  }
}

/** The stored state of an import. */
export async function readImported(database: Database, importId: string): Promise<Imported> {
  const view = await readImport(database, async () => ({ status: 'PROCESSING' }), importId);
  if (view === null) throw new Error(`there is no import ${importId}`);
  const rows = await database.execute<{ row: number; outcome: string }>({
    text: 'select row, outcome from import_rows where import_id = $1 order by row',
    params: [importId],
  });
  const leads = await database.execute<StoredLead & object>({
    text: `
      select phone_e164 as phone, name, email, source, organisation, notes, to_jsonb(tags) as tags, version::text as version
      from leads where company_id = $1 order by id`,
    params: [view.companyId],
  });
  const { companyId } = view;
  return { importId, companyId, view, outcomes: rows.map(({ row, outcome }) => `${row} ${outcome}`), leads };
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
    async *children() {},
    rateLimit: Object.assign(() => Promise.resolve(), {
      takeTokens: async () => [],
      blockUntil: () => Promise.resolve(),
    }),
    progress: () => {},
  };
}
