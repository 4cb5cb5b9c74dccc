/** A company with a portal, its database and its queue. All are real but the portal, which is a stand-in. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { crmEvent } from '../../lib/crm/crm-event/job.ts';
import { crmReconcile } from '../../lib/crm/crm-reconcile/job.ts';
import { crmSync } from '../../lib/crm/crm-sync/job.ts';
import { requestSync } from '../../lib/crm/request.ts';
import { log } from '../../lib/log.ts';
import { createQueue } from '../../packages/jobqueue/src/index.ts';
import type { Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { type Bitrix24StandIn, type Item, startBitrix24 } from '../standins/bitrix24.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { drainDue } from '../support/drain-due.ts';
import { emptied, JOB_TABLES } from '../support/empty.ts';

export const TOKEN = 'application-token-0123456789';
const TABLES = ['crm_inbox', 'crm_links', 'leads', 'crm_settings', 'connections', 'companies'];

/** The fixture of a test. Each test has its own portal and its own company 'acme'. */
export class Company {
  fresh!: TestDatabase;
  database!: Database;
  portal!: Bitrix24StandIn;
  queue!: ReturnType<Company['makeQueue']>;

  makeQueue() {
    return createQueue({ database: this.database, jobs: [crmSync, crmEvent, crmReconcile] });
  }

  sql(text: string, ...params: unknown[]): Promise<Record<string, unknown>[]> {
    return this.database.execute({ text, params });
  }

  /** Numbers +971501010000 and up, with names and addresses to match. */
  async leads(n: number, first = 0): Promise<string[]> {
    const rows = await this.sql(
      `insert into leads (company_id, phone_e164, name, email)
       select 'acme', '+9715010' || (10000 + i), 'Lead ' || i, 'lead' || i || '@example.com'
       from generate_series($1::int, $2::int) i
       returning id::text`,
      first,
      first + n - 1,
    );
    return rows.map(({ id }) => String(id));
  }

  async request(ids: readonly string[]): Promise<void> {
    await requestSync(this.database, 'acme', ids);
  }

  /** Time for the first run of a type too, which loads its code: a drain starts nothing that might take as long as that did again. */
  async drain(): Promise<void> {
    await this.queue.drain({ budgetMs: 25_000 });
  }

  /** Runs what is due now, once, and leaves what comes back to the next drain. */
  async drainDue(): Promise<void> {
    await drainDue({ queue: this.queue, sql: (text, ...params) => this.sql(text, ...params) });
  }

  async sync(ids: readonly string[]): Promise<void> {
    await this.request(ids);
    await this.drain();
  }

  /** One lead that is in the portal, as item 1. */
  async linked(): Promise<string> {
    const [id = ''] = await this.leads(1);
    await this.sync([id]);
    return id;
  }

  async change(id: string, set: Record<string, string | null>): Promise<void> {
    for (const [column, value] of Object.entries(set))
      await this.sql(`update leads set ${column} = $1 where id = $2::bigint`, value, id);
  }

  async lead(id: string): Promise<Record<string, unknown>> {
    const [row] = await this.sql(
      'select name, given_name as given, family_name as family, organisation, notes, email, phone_e164 as phone from leads where id = $1::bigint',
      id,
    );
    return row as Record<string, unknown>;
  }

  item(id = 1): Item {
    return this.portal.items.get(id) as Item;
  }

  values(typeId: 'PHONE' | 'EMAIL', id = 1): string[] {
    return this.item(id).fm.flatMap((one) => (one.typeId === typeId ? [one.value] : []));
  }

  /** Sends the portal's outgoing webhook. */
  async tell(event: string, id: number, ts = String(Date.now())): Promise<void> {
    const { POST } = await import('../../api/_app/webhooks/bitrix24.ts');
    const body = new URLSearchParams({ event, 'data[FIELDS][ID]': String(id), ts, 'auth[application_token]': TOKEN });
    const told = await POST(new Request('https://app.example/api/webhooks/bitrix24', { method: 'POST', body }));
    expect(told.status).toBe(200);
  }

  /** The batches that held a command of this method. */
  asked(method: string): number {
    return this.portal.calls.filter(({ body, path }) => path.endsWith(method) || body.includes(`${method}?`)).length;
  }

  /** Rows are moved, not the clock: so much time has passed for leads and jobs, and nothing holds the portal back. */
  async letPass(seconds: number): Promise<void> {
    await this.sql(emptied('jobqueue.buckets'));
    await this.sql("update jobqueue.jobs set due_at = now() - interval '1 s'");
    await this.sql(
      `update crm_links set claimed_until = null, adding_since = adding_since - $1::float8 * interval '1 s',
                            unanswered_since = unanswered_since - $1::float8 * interval '1 s'`,
      seconds,
    );
    this.queue = this.makeQueue(); // another process: this one remembers what it knows of buckets
  }

  async ended(): Promise<Record<string, number>> {
    const rows = await this.sql('select status, count(*)::int as n from jobqueue.finished_jobs group by 1');
    return Object.fromEntries(rows.map(({ status, n }) => [String(status), Number(n)]));
  }
}

export function companyWithPortal(): Company {
  const company = new Company();
  beforeAll(async () => {
    company.fresh = await freshDatabase();
    vi.stubEnv('DATABASE_URL', company.fresh.url);
    company.database = (await import('../../packages/jobqueue/src/postgres/connect.ts')).database();
    for (const level of ['warn', 'error'] as const) vi.spyOn(log, level).mockReturnValue();
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await company.database.close();
    await company.fresh.drop();
  });
  beforeEach(async () => {
    company.portal = await startBitrix24({ secret: 'secret-of-the-webhook', perSecond: 1_000, burst: 1_000 });
    await company.sql("insert into companies (id, name) values ('acme', 'Acme')");
    await company.sql(
      'insert into crm_settings (company_id, webhook_url, application_token, per_second, burst) values ($1, $2, $3, 500, 500)',
      'acme',
      company.portal.webhookUrl,
      TOKEN,
    );
    company.queue = company.makeQueue();
  });
  afterEach(async () => {
    await company.portal.close();
    await company.sql(emptied(...JOB_TABLES, 'jobqueue.idempotency_keys', 'jobqueue.buckets'));
    for (const table of TABLES) await company.sql(`delete from ${table}`);
  });
  return company;
}
