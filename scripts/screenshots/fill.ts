/** Fills an empty queue with what a busy afternoon looks like: for pictures and for looking at pages, never for a real database. */
import pg from 'pg';
import { connect } from '../../db/client.ts';
import { createQueue } from '../../lib/jobqueue/index.ts';
import { jobs, schedules } from '../../lib/jobs/index.ts';

const BY = { actor: 'ann@example.com' };

/** Rejects if the queue holds anything: what it writes looks real. */
export async function fill(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query(
      'select exists (select from jobqueue.jobs) or exists (select from jobqueue.job_history) as full',
    );
    if (rows[0].full) throw new Error('fill: expected an empty queue, got one with jobs in it');
    await client.query("select setval('jobqueue.jobs_id_seq', 48210)");
    for (const statement of STATEMENTS) await client.query(statement);
  } finally {
    await client.end();
  }
  await operate(url);
}

/** What an operator has done this afternoon, through the library, so that the audit log is its own. */
async function operate(url: string): Promise<void> {
  const database = connect(url);
  try {
    const queue = createQueue({ database, jobs, schedules });
    await queue.drain({ source: 'operator', limit: 1, types: ['crm_reconcile'], budgetMs: 5_000 }); // makes the schedules known
    await queue.pause({ type: 'campaign_send' }, { ...BY, reason: 'INC-7: the wrong template went out' });
    await queue.reprioritise({ type: 'message_send' }, { ...BY, priority: 7 });
    await queue.cancel(
      { type: 'lead_import', queue: 'imports' },
      { ...BY, reason: 'the customer sent the file twice' },
    );
    await queue.replay(
      { type: 'crm_sync', errorName: 'ProviderError' },
      { ...BY, perMinute: 30, stopWhen: { failureRatio: 0.2, of: 50 }, maxJobs: 40 },
    );
    await queue.audit({ ...BY, action: 'login', details: { role: 'operator' } });
  } finally {
    await database.close();
  }
}

const ids = (count: number) => `generate_series(1, ${count}) as n`;

const live = (type: string, queue: string, priority: number, count: number, due: string, payload: string) => `
  insert into jobqueue.jobs (due_at, created_at, payload_bytes, priority, queue, type, payload, idempotency_key)
  select ${due}, now() - n * interval '3 s', 120, ${priority}, '${queue}', '${type}', ${payload}, '${type}:' || n
  from ${ids(count)}`;

const dead = (type: string, count: number, name: string, code: string, message: string, from: string) => `
  insert into jobqueue.job_history (id, created_at, due_at, started_at, finished_at, fence, status, attempt, max_attempts, priority, queue,
    type, payload, idempotency_key, errors)
  select nextval('jobqueue.jobs_id_seq'), now() - interval '${from}' - n * interval '70 s', now() - interval '${from}' - n * interval '65 s',
         now() - interval '${from}' - n * interval '61 s', now() - interval '${from}' - n * interval '60 s', 3, 'DEAD_LETTER', 3, 3, 0, 'default', '${type}',
         jsonb_build_object('companyId', 'comp_' || n % 7, 'leadId', 'lead_' || n, 'action', 'create'), null,
         (select jsonb_agg(jsonb_build_object('name', '${name}', 'code', '${code}', 'message', replace(${message}, '#', (1000 + n)::text), 'attempt', a,
                 'fence', a, 'at', to_char(now() - interval '${from}' - n * interval '60 s' - (3 - a) * interval '6 s', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                 'stack', '${name}: ' || replace(${message}, '#', (1000 + n)::text) || E'\\n    at call (lib/providers/bitrix24.ts:88:11)\\n    at run (lib/jobs/crm-sync/run.ts:41:20)'))
          from generate_series(1, 3) as a)
  from ${ids(count)}`;

const STATEMENTS: readonly string[] = [
  live(
    'ai_generation',
    'default',
    5,
    42,
    "now() - n * interval '2 s'",
    `jsonb_build_object('conversationId', 'conv_' || n, 'messageId', 'msg_' || n, 'companyId', 'comp_' || n % 7)`,
  ),
  live(
    'message_send',
    'default',
    6,
    17,
    "now() - n * interval '1 s'",
    `jsonb_build_object('companyId', 'comp_' || n % 7, 'messageId', gen_random_uuid())`,
  ),
  live(
    'campaign_send',
    'bulk',
    2,
    2400,
    "now() - n * interval '1 s'",
    `jsonb_build_object('companyId', 'comp_3', 'campaignId', 'camp_spring', 'contactId', 'lead_' || n)`,
  ),
  live(
    'crm_sync',
    'default',
    1,
    380,
    "now() + n * interval '9 s'",
    `jsonb_build_object('companyId', 'comp_' || n % 7, 'leadId', 'lead_' || n, 'action', 'create')`,
  ),
  live(
    'lead_import',
    'imports',
    3,
    4,
    "now() - n * interval '4 s'",
    `jsonb_build_object('companyId', 'comp_' || n, 'importId', gen_random_uuid())`,
  ),
  live(
    'whatsapp_event',
    'default',
    8,
    9,
    "now() + n * interval '1 s'",
    `jsonb_build_object('accountId', '1029', 'field', 'messages', 'value', jsonb_build_object('n', n))`,
  ),
  dead(
    'crm_sync',
    61,
    'ProviderError',
    'ECONNREFUSED',
    `'Bitrix24 refused the connection of portal #: connect ECONNREFUSED 10.0.0.7:443'`,
    '20 min',
  ),
  dead(
    'crm_sync',
    7,
    'ProviderError',
    'QUERY_LIMIT_EXCEEDED',
    `'Bitrix24 answered 503 QUERY_LIMIT_EXCEEDED to crm.lead.add of lead_#'`,
    '50 min',
  ),
  dead('ai_generation', 12, 'BudgetExceeded', 'budget_exceeded', `'the budget of comp_# for today is spent'`, '2 h'),
  dead('campaign_send', 3, 'ProviderError', '132001', `'WhatsApp has no template spring_# in the language ar'`, '4 h'),
  `insert into jobqueue.job_history (id, created_at, due_at, started_at, finished_at, fence, status, attempt, max_attempts, priority, queue, type, payload, result)
   select nextval('jobqueue.jobs_id_seq'), now() - n * interval '5 s', now() - n * interval '5 s', now() - n * interval '4 s', now() - n * interval '3 s', 1,
          'COMPLETED', 1, 3, 0, 'default', (array['ai_generation', 'message_send', 'crm_sync', 'whatsapp_event'])[1 + n % 4],
          jsonb_build_object('companyId', 'comp_' || n % 7), jsonb_build_object('ok', true, 'tokens', 300 + n % 97)
   from ${ids(3000)}`,
  // Two jobs that a drain has in its hands, one of them with progress.
  `with held as (
     update jobqueue.jobs set lease_until = now() + interval '4 min', started_at = now() - interval '12 s', fence = 1, started_fence = 1,
       progress = '{"done": 41, "total": 120, "note": "rows 41 to 60"}'
     where id in (select id from jobqueue.jobs where type in ('ai_generation', 'lead_import') order by type desc, id limit 5) returning id)
   insert into jobqueue.drains (id, source, started_at, last_step_at, deadline_at, steps, running, report, round_trips, database_ms, round_trip_ms)
   select gen_random_uuid(), 'cron', now() - interval '14 s', now() + interval '2 min', now() + interval '280 s', 9, array_agg(id),
          '{"claimed": 38, "completed": 31, "retried": 2, "deadLettered": 0, "steps": 9}', 9, 41, 63 from held`,
  // A tick a minute for two hours: two are missing, one died, one took so long that the next overlapped.
  `insert into jobqueue.drains (id, source, started_at, last_step_at, deadline_at, finished_at, stop_reason, steps, report, round_trips,
     database_ms, round_trip_ms, cold_start, execution_id)
   select gen_random_uuid(), 'cron', at, at + took, at + interval '300 s', case when n <> 31 then at + took end,
          case when n = 31 then null when n = 12 then 'deadline' else 'empty' end, 6,
          jsonb_build_object('claimed', 20 + n % 37, 'completed', 18 + n % 31, 'retried', n % 3, 'deadLettered', (n % 9 = 0)::int, 'steps', 6, 'givenBack', 0),
          6, 18 + n % 13, 31 + n % 17, n % 20 = 0, 'fra1::' || substr(md5(n::text), 1, 12)
   from (select n, now() - n * interval '1 min' - interval '3 s' as at,
                case when n = 12 then interval '85 s' when n = 31 then interval '7 s' else (4 + n % 23) * interval '1 s' end as took
         from ${ids(120)} where n not in (40, 41)) t`,
  `insert into jobqueue.drains (id, source, started_at, last_step_at, deadline_at, finished_at, stop_reason, steps, report, round_trips, database_ms, round_trip_ms)
   select gen_random_uuid(), 'kick', now() - n * interval '7 min' - interval '20 s', now() - n * interval '7 min' - interval '18 s', now(), now() - n * interval '7 min' - interval '18 s',
          'empty', 2, '{"claimed": 1, "completed": 1, "steps": 2}', 2, 4, 8 from ${ids(12)}`,
  `insert into jobqueue.rollups (minute, type, drain, completed, failed, dead, wait_ms, run_ms, waits, runs)
   select date_trunc('minute', now()) - n * interval '1 min', t.type, gen_random_uuid(), (t.rate * (1 + 0.5 * sin(n / 6.0)) + n % 5)::int,
          (n % 7 = 0)::int * 2, (n between 18 and 24)::int * (t.type = 'crm_sync')::int * 3, 1000, 1000,
          array_fill(0, array[14 + (n / 9) % 3]) || array[20, 9 + n % 4, 3, (n % 6 = 0)::int], array_fill(0, array[t.bin + (n / 17) % 2]) || array[14, 12, 4, (n % 4 = 1)::int]
   from ${ids(60)}, (values ('ai_generation', 22, 20), ('message_send', 31, 14), ('crm_sync', 12, 16), ('whatsapp_event', 8, 8)) as t(type, rate, bin)
   where n not in (40, 41)`,
];
