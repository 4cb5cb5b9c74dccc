/** Replies on a database and a model of the test file's own: customers who write, runs of the handler, and what they left. */

import { generateReply } from '../../lib/ai/ai-generation/run.ts';
import type { JobContext, RateLimit } from '../../packages/jobqueue/src/core/job.ts';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import type { Executor } from '../../packages/jobqueue/src/postgres/database.ts';
import { LLM_KEYS, type Llm, startLlm } from '../standins/llm.ts';
import { freshDatabase } from '../support/database.ts';

export interface Ids {
  readonly companyId: string;
  readonly conversationId: string;
  readonly messageId: string;
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly rateLimit?: RateLimit;
  /** Instead of the plain database. */
  readonly through?: Executor;
}

export interface Replies {
  /** The database's URL, used by additional connections. */
  readonly url: string;
  readonly database: Database;
  readonly llm: Llm;
  /** A company of its own in pilot mode, with what differs from that as SQL assignments: `mode: 'copilot'`. */
  company(settings?: Readonly<Record<string, unknown>>): Promise<string>;
  wrote(companyId: string, body: string, phone?: string): Promise<Ids>;
  run(ids: Ids, options?: RunOptions): Promise<unknown>;
  rows<Row extends object>(text: string, ...params: unknown[]): Promise<Row[]>;
  /** The bodies of what went to the outbox, in order. */
  outbox(companyId: string): Promise<string[]>;
  close(): Promise<void>;
}

/** A message that every check accepts. */
export const GOOD = {
  reply: 'We are glad to help you with that.',
  intent: 'question',
  confidence: 0.95,
  language: 'en',
  sentiment: 'neutral',
} as const;

export async function replies(): Promise<Replies> {
  const fresh = await freshDatabase();
  const database = connect(fresh.url);
  const its = await repliesOn(database);
  return {
    ...its,
    url: fresh.url,
    async close() {
      await its.close();
      await database.close();
      await fresh.drop();
    },
  };
}

/** On a database of the caller's, which `close` leaves open. */
export async function repliesOn(database: Database): Promise<Omit<Replies, 'url'>> {
  const llm = await startLlm();
  let companies = 0;
  const rows: Replies['rows'] = (text, ...params) => database.execute({ text, params });
  return {
    database,
    llm,
    rows,
    async company(settings = {}) {
      const id = `company-${++companies}`;
      await rows('insert into companies (id, name) values ($1, $2)', id, 'Palm Residences');
      await rows(
        `insert into ai_settings (company_id, enabled, mode, provider, model, base_url, api_key, auto_send_intents)
         values ($1, true, 'pilot', 'openai', 'gpt-4o-mini', $2, $3, '{question}')`,
        id,
        `${llm.origin}/v1`,
        LLM_KEYS.openai,
      );
      const columns = Object.keys(settings);
      if (columns.length > 0)
        await rows(
          `update ai_settings set ${columns.map((column, n) => `${column} = $${n + 2}`).join(', ')} where company_id = $1`,
          id,
          ...Object.values(settings),
        );
      return id;
    },
    async wrote(companyId, body, phone = '+971501111111') {
      const [ids] = await rows<{ conversationId: string; messageId: string }>(
        `with conversation as (
           insert into conversations (company_id, phone_e164, last_inbound_at) values ($1, $2, now())
           on conflict (company_id, phone_e164) do update set last_inbound_at = now()
           returning id
         )
         insert into messages (company_id, conversation_id, direction, author, body, status)
         select $1, id, 'inbound', 'customer', $3, 'received' from conversation
         returning conversation_id as "conversationId", id as "messageId"`,
        companyId,
        phone,
        body,
      );
      return { companyId, ...(ids as NonNullable<typeof ids>) };
    },
    run: (ids, { through = database, ...options } = {}) => generateReply(through, jobContext(ids, options)),
    async outbox(companyId) {
      const sent = await rows<{ body: string }>(
        "select body from messages where company_id = $1 and direction = 'outbound' and status = 'queued' order by id",
        companyId,
      );
      return sent.map(({ body }) => body);
    },
    close: () => llm.close(),
  };
}

const UNLIMITED: RateLimit = Object.assign(() => Promise.resolve(), {
  takeTokens: async () => [],
  blockUntil: () => Promise.resolve(),
});

function jobContext<Payload>(
  payload: Payload,
  { signal = new AbortController().signal, rateLimit = UNLIMITED }: Omit<RunOptions, 'through'>,
): JobContext<Payload> {
  return {
    payload,
    job: {
      id: '1',
      type: 'ai_generation',
      queue: 'default',
      priority: 0,
      attempt: 1,
      maxAttempts: 5,
      fence: 1,
      idempotencyKey: null,
      createdAt: new Date(),
      dueAt: new Date(),
      schedule: null,
      state: null,
    },
    signal,
    deadline: new Date(Date.now() + 60_000),
    checkpoint: () => Promise.resolve(),
    async *children() {},
    rateLimit,
    progress: () => {},
  };
}
