/** Fills an empty queue with a busy afternoon, by real runs: for pictures and for looking at pages, never for a real database. */
import { randomUUID } from 'node:crypto';
import { createQueue, type Job, type Queue } from '@conversure/jobqueue';
import { connect } from '@conversure/jobqueue/postgres';
import pg from 'pg';
import { schedules } from '../../lib/queue/jobs.ts';
import { actors, type Doom, type Story } from './actors.ts';
import { age } from './age.ts';

const BY = { actor: 'ann@example.com' };
const REFUSED: Doom = {
  name: 'ProviderError',
  code: 'ECONNREFUSED',
  message: 'Bitrix24 refused the connection of portal 1042: connect ECONNREFUSED 10.0.0.7:443',
};
const BUSY: Doom = {
  name: 'ProviderError',
  code: 'QUERY_LIMIT_EXCEEDED',
  message: 'Bitrix24 answered 503 QUERY_LIMIT_EXCEEDED to crm.lead.add',
};
const SPENT: Doom = {
  name: 'BudgetExceeded',
  code: 'budget_exceeded',
  message: 'the budget of the company for today is spent',
};
const NO_TEMPLATE: Doom = {
  name: 'ProviderError',
  code: '132001',
  message: 'WhatsApp has no template spring in the language ar',
};
/** A job that runs while pages are looked at outlives any look at them. */
const HELD_MS = 3_600_000;

export interface Filled {
  /** Ends the drain that runs while pages are looked at. */
  stop(): Promise<void>;
}

/** Makes `minutes` of history, a second each, and ten where jobs fail. Rejects if the queue holds anything: what it writes looks real. */
export async function fill(url: string, { minutes = 2 }: { readonly minutes?: number } = {}): Promise<Filled> {
  const client = new pg.Client(url);
  await client.connect();
  const database = connect(url);
  const story: Story = { doomed: new Map(), endless: false };
  const queue = createQueue({
    database,
    jobs: actors(story),
    schedules,
    maxDurationMs: HELD_MS,
    logJobs: 'none',
    log: () => {},
  });
  try {
    const { rows } = await client.query(
      'select exists (select from jobqueue.jobs) or exists (select from jobqueue.finished_jobs) as full',
    );
    if (rows[0].full) throw new Error('fill: expected an empty queue, got one with jobs in it');
    await client.query("select setval('jobqueue.jobs_id_seq', 48210)");
    for (let left = minutes; left > 0; left--) {
      const isAt = (part: number) => left === Math.ceil(part * minutes);
      if (isAt(0.9)) await enqueueDoomed(queue, story, 'campaign_send', 3, NO_TEMPLATE);
      if (isAt(0.7)) await enqueueDoomed(queue, story, 'ai_generation', 12, SPENT);
      if (isAt(0.5)) await enqueueDoomed(queue, story, 'crm_sync', 7, BUSY);
      if (isAt(0.3)) await enqueueDoomed(queue, story, 'crm_sync', 61, REFUSED);
      await minute(queue, minutes - left);
      await age(client, '1 minute');
    }
    await leaveWaiting(queue);
    await operate(queue);
    story.endless = true;
    const stop = new AbortController();
    const held = queue.drain({
      source: 'cron',
      limit: 5,
      types: ['ai_generation'],
      budgetMs: HELD_MS,
      signal: stop.signal,
    });
    await untilHeld(client);
    return {
      async stop() {
        stop.abort();
        await held;
        await database.close();
      },
    };
  } finally {
    await client.end();
  }
}

/**
 * Plays one minute: the jobs that came in, and the tick that ran them. Now and then a tick is missing, two overlap, or one has
 * too little time.
 */
async function minute(queue: Filling, n: number): Promise<void> {
  const wave = 1 + 0.5 * Math.sin(n / 6);
  const some = (count: number) => Array.from({ length: Math.round(count * wave) + (n % 5) }, (_, i) => n * 100 + i);
  await queue.addJobs([
    ...some(12).map((i) => ({ type: 'ai_generation', payload: conversation(i) })),
    ...some(18).map((i) => ({ type: 'message_send', payload: message(i) })),
    ...some(8).map((i) => ({ type: 'crm_sync', payload: lead(i) })),
    ...some(5).map((i) => ({ type: 'whatsapp_event', payload: event(i) })),
  ]);
  if (n % 20 === 13) return; // its jobs wait for the next one
  const tick = (budgetMs = 20_000) => queue.drain({ source: 'cron', budgetMs, concurrency: n % 20 === 7 ? 4 : 25 });
  if (n % 20 === 5) await Promise.all([tick(), tick()]);
  else await tick(n % 20 === 7 ? 1_500 : undefined);
  if (n % 7 === 3) {
    await queue.addJobs([{ type: 'message_send', payload: message(n) }]);
    await queue.drain({ source: 'kick', budgetMs: 5_000 });
  }
}

type Filling = Queue<readonly Job[]>;

async function enqueueDoomed(
  queue: Filling,
  { doomed }: Story,
  type: string,
  count: number,
  doom: Doom,
): Promise<void> {
  const entries = Array.from({ length: count }, (_, n) => {
    const kind = { crm_sync: 'lead', ai_generation: 'conv' }[type] ?? 'camp';
    const mark = `${kind}_${9_000 + doomed.size}`; // no other job has so high a number
    doomed.set(mark, doom);
    const payload =
      type === 'crm_sync'
        ? { ...lead(n), leadId: mark }
        : type === 'ai_generation'
          ? { ...conversation(n), conversationId: mark }
          : { campaignId: mark, companyId: company(n) };
    return { type, payload, options: { maxAttempts: 3 } };
  });
  await queue.addJobs(entries);
}

/** Leaves jobs that wait when the pictures are taken. */
async function leaveWaiting(queue: Filling): Promise<void> {
  await queue.pause({ type: 'campaign_send' }, { ...BY, reason: 'INC-7: the wrong template went out' });
  const many = <Entry>(count: number, make: (n: number) => Entry) => Array.from({ length: count }, (_, n) => make(n));
  await queue.addJobs([
    ...many(42, (n) => ({ type: 'ai_generation', payload: conversation(n), options: { priority: 5 } })),
    ...many(17, (n) => ({ type: 'message_send', payload: message(n) })),
    ...many(2_400, (n) => ({
      type: 'campaign_send',
      payload: { campaignId: 'camp_spring', companyId: 'comp_3', recipientId: String(n + 1) },
      options: { queue: 'bulk' },
    })),
    ...many(380, (n) => ({ type: 'crm_sync', payload: lead(n), options: { delayMs: (n + 1) * 9_000 } })),
    ...many(4, (n) => ({
      type: 'lead_import',
      payload: { companyId: company(n), importId: randomUUID() },
      options: { queue: 'imports' },
    })),
    ...many(9, (n) => ({ type: 'whatsapp_event', payload: event(n), options: { delayMs: (n + 1) * 60_000 } })),
  ]);
}

/** Plays an operator's actions of this afternoon. */
async function operate(queue: Filling): Promise<void> {
  await queue.setPriority({ type: 'message_send' }, { ...BY, priority: 8 });
  await queue.cancel({ type: 'lead_import', queue: 'imports' }, { ...BY, reason: 'the customer sent the file twice' });
  await queue.replay(
    { type: 'crm_sync', errorName: 'ProviderError' },
    { ...BY, perMinute: 30, stopWhen: { failureRatio: 0.2, minOutcomes: 50 }, maxJobs: 40 },
  );
  await queue.audit({ ...BY, action: 'login', details: { role: 'operator' } });
}

async function untilHeld(client: pg.Client): Promise<void> {
  for (let looks = 0; looks < 200; looks++) {
    const { rows } = await client.query(
      'select 1 from jobqueue.drains where finished_at is null and cardinality(running) = 5',
    );
    if (rows.length > 0) return;
    await client.query('select pg_sleep(0.1)');
  }
  throw new Error('fill: expected a drain that runs five jobs within 20 s');
}

const company = (n: number) => `comp_${n % 7}`;
const conversation = (n: number) => ({ conversationId: `conv_${n}`, messageId: `msg_${n}`, companyId: company(n) });
const message = (n: number) => ({ companyId: company(n), messageId: randomUUID() });
const lead = (n: number) => ({ companyId: company(n), leadId: `lead_${n}`, action: 'create' });
const event = (n: number) => ({ accountId: '1029', field: 'messages', value: { n } });
