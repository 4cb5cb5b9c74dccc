/** Every type that can be enqueued has somebody who works on it: the tick takes it, and nothing completes without its work. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { log } from '../../lib/log.ts';
import { jobs } from '../../lib/queue/jobs.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const SECRET = 'a-cron-secret-of-the-tests';
type Type = (typeof jobs)[number]['type'];

/** Asks whatever portals there are; that there is none is no failure. */
const ASKING_ALL = 'crm_reconcile';
/** One job of each other type, whose payload names nothing that exists. A new type does not compile without its line here. */
const NAMING_NOTHING: Readonly<Record<Exclude<Type, typeof ASKING_ALL>, object>> = {
  ai_generation: { companyId: 'acme', conversationId: '1', messageId: '1' },
  campaign_send: { companyId: 'acme', campaignId: 'none' },
  crm_event: { companyId: 'acme', event: 'ONCRMLEADUPDATE', itemId: '1' },
  crm_sync: { companyId: 'acme', leadId: '1', action: 'create' },
  import_undo: { companyId: 'acme', importId: 'none' },
  lead_import: { companyId: 'acme', importId: 'none' },
  template_sync: { companyId: 'acme' },
  message_send: { companyId: 'acme', messageId: '1' },
  whatsapp_event: { accountId: '1', field: 'messages', value: { metadata: { phone_number_id: '1' }, messages: [] } },
};

let fresh: TestDatabase;
let queue: ReturnType<typeof import('../../lib/queue/QueueFactory.ts')['QueueFactory']['getQueue']>;
let sql: (text: string) => Promise<object[]>;

beforeAll(async () => {
  fresh = await freshDatabase();
  vi.stubEnv('DATABASE_URL', fresh.url);
  vi.stubEnv('CRON_SECRET', SECRET);
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(log, level).mockReturnValue();
  queue = (await import('../../lib/queue/QueueFactory.ts')).QueueFactory.getQueue();
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  sql = (text) => database().execute({ text, params: [] });
});
afterAll(async () => {
  const { database } = await import('../../packages/jobqueue/src/postgres/connect.ts');
  await database().close();
  await fresh.drop();
  vi.unstubAllEnvs();
});

test('a tick leaves no type unhandled, and a job that could do nothing is a dead letter, not a completed one', async () => {
  await queue.addJobs(Object.entries(NAMING_NOTHING).map(([type, payload]) => ({ type, payload }) as never));
  await queue.addJob(ASKING_ALL, {});
  const { GET } = await import('../../api/cron/drain.ts');
  const headers = { authorization: `Bearer ${SECRET}` };
  const response = await GET(new Request('https://app.example/api/cron/drain', { headers }));
  expect(await response.json()).toMatchObject({ unhandled: [], deadLettered: jobs.length - 1, completed: 1 });
  const ends = await sql(
    `select type, status, coalesce(errors -> -1 ->> 'message', '') ~ '(acme|of this company|number 1)' as told
     from jobqueue.finished_jobs where type <> '${ASKING_ALL}' order by type`,
  );
  expect(ends).toEqual(
    Object.keys(NAMING_NOTHING)
      .toSorted()
      .map((type) => ({ type, status: 'DEAD_LETTER', told: true })),
  );
});
