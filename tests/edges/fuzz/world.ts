/** The database that the cases are sent to: with a row of everything to name, and triggers that tell which tables a request wrote. */

import './environment.ts';

import pg from 'pg';
import { expect } from 'vitest';
import { freshDatabase } from '../../support/database.ts';
import { SECRETS } from './environment.ts';
import { tellWrites } from './writes.ts';

/** A text that only those may see who are let in: it is in each row that a page shows. */
export const CONFIDENTIAL = 'confidential-of-the-company';

/**
 * Sorts before the companies that the cases make, and none of them names it: after thousands of cases, the first page of companies still
 * shows what strangers must not see.
 */
const FIRST_COMPANY = '---';

export interface World {
  readonly sql: pg.Client;
  /** Pauses all types: jobs that the cases enqueue must not run in the kicks of others. */
  pause(): Promise<void>;
  /** The tables that were written since the last call, once each. Work that goes on behind an answer has ended by then. */
  writes(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Sets DATABASE_URL of this process. */
export async function makeWorld(): Promise<World> {
  const db = await freshDatabase();
  const sql = new pg.Client(db.url);
  await sql.connect();
  process.env.DATABASE_URL = db.url;
  const written = await tellWrites(sql);
  await sql.query('set fuzz.quiet = on');
  await sql.query(ROWS);
  const behind = holdBackground();
  const { queue } = await import('../../../lib/queue/index.ts');
  const writes = async () => {
    await behind();
    return written();
  };
  const pause = async () => {
    await queue.pause({}, { actor: 'fuzz' });
    await writes();
  };
  await pause();
  await madeByRequests();
  await writes();
  return {
    sql,
    pause,
    writes,
    async close() {
      await behind();
      const { database } = await import('../../../packages/jobqueue/src/postgres/connect.ts');
      await database().close();
      await sql.end();
      await db.drop();
    },
  };
}

/** Kicks run behind the answer: the platform is told, which here waits for them before it looks at the database. */
function holdBackground(): () => Promise<void> {
  const pending = new Set<Promise<unknown>>();
  const waitUntil = (work: Promise<unknown>) => {
    const ended = work.catch(() => undefined).finally(() => pending.delete(ended));
    pending.add(ended);
  };
  (globalThis as Record<symbol, unknown>)[Symbol.for('@next/request-context')] = { get: () => ({ waitUntil }) };
  return async () => {
    await Promise.all(pending);
  };
}

const ROWS = `
  insert into companies (id, name) values ('${FIRST_COMPANY}', '${CONFIDENTIAL}'), ('co1', '${CONFIDENTIAL}'), ('co2', '${CONFIDENTIAL}');
  insert into crm_settings (company_id) values ('co1');
  insert into templates (company_id, name, language, category, status, body) values ('co1', 'hello', 'en', 'MARKETING', 'APPROVED', 'Hi');
  insert into jobqueue.job_history (id, status, created_at, due_at, fence, attempt, max_attempts, priority, queue, type, payload, errors)
  select nextval('jobqueue.jobs_id_seq'), status, now(), now(), 1, 1, 1, 0, 'default', 'crm_sync', '{"companyId":"${CONFIDENTIAL}"}',
    '[{"name":"Error","message":"${CONFIDENTIAL}","attempt":1,"at":"2026-12-01T00:00:00Z"}]'
  from unnest('{DEAD_LETTER,CANCELLED,COMPLETED}'::jobqueue.terminal_status[]) status`;

/** Through the endpoints themselves, because rows of these have many parts. */
async function madeByRequests(): Promise<void> {
  const { POST } = await import('../../../app/api/route.local.ts');
  const made = async (path: string, type: string, body: string) => {
    const headers = { authorization: `Bearer ${SECRETS.QUEUE_API_KEY}`, 'content-type': type };
    const response = await POST(new Request(`https://queue.example/api/${path}`, { method: 'POST', headers, body }));
    expect(response.status, await response.text()).toBeLessThan(300);
  };
  const campaign = {
    id: 'campaign-1',
    companyId: 'co1',
    name: CONFIDENTIAL,
    template: { name: 'hello', language: 'en' },
    parameters: {},
    audience: { kind: 'list', people: [{ phone: '+971501234567' }] },
  };
  await made('campaigns', 'application/json', JSON.stringify(campaign));
  await made(`imports?companyId=co1&id=import-1&fileName=${CONFIDENTIAL}`, 'text/csv', 'phone\n+971501234567');
  const optOut = {
    action: 'add',
    companyId: 'co1',
    person: '+971507654321',
    scope: 'all',
    reason: CONFIDENTIAL,
    actor: 'fuzz',
  };
  await made('opt-outs', 'application/json', JSON.stringify(optOut));
  const job = { type: 'lead_import', payload: { companyId: 'co1', importId: 'none' } };
  await made('jobs', 'application/json', JSON.stringify(job));
}

/** Makes the import wait, because its question may be asked again. */
export const IMPORT_WAITS = `update imports set status = 'waiting', question = '{"code":"preview"}', held_at = now(), failure = null,
  layout = null, next_offset = null, next_row = null where id = 'import-1'`;
