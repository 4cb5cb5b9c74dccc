/** Killed, doubled, overtaken: a message gets one reply at most, from the prompt version that was pinned first, and no cent is lost. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { GOOD, type Ids, type Replies, replies } from './replies.ts';

let ai: Replies;
beforeAll(async () => {
  ai = await replies();
});
afterEach(() => ai.llm.reset());
afterAll(() => ai.close());

class Killed extends Error {}

/** Dies around its `n`th statement: before it was sent, or after it arrived and before its answer did. */
function dying(database: Database, n: number, moment: 'before' | 'after'): Database {
  let statements = 0;
  return {
    ...database,
    async execute(statement, options) {
      const dies = ++statements >= n; // a dead run does nothing more
      if (dies && (moment === 'before' || statements > n)) throw new Killed();
      const rows = await database.execute<never>(statement, options);
      if (dies) throw new Killed();
      return rows;
    },
  };
}

/** The same, and `meanwhile` has committed before the statement that ends the generation. */
function overtaken(database: Database, meanwhile: () => Promise<unknown>): Database {
  return {
    ...database,
    async execute(statement, options) {
      if (statement.text.includes('insert into messages')) await meanwhile();
      return database.execute<never>(statement, options);
    },
  };
}

const jobs = (companyId: string) =>
  ai.rows("select id from jobqueue.jobs where type = 'message_send' and payload ->> 'companyId' = $1", companyId);

async function generation({ messageId }: Ids) {
  const [row] = await ai.rows<{
    status: string;
    reason: string | null;
    prompt_version: number;
    message_id: string | null;
  }>(
    'select status, reason, prompt_version, message_id from generations where trigger_message_id = $1::bigint',
    messageId,
  );
  return row;
}

async function money(companyId: string) {
  const [row] = await ai.rows<{ spent: number; cost: number; open: number }>(
    `select (select day_usd::float8 from ai_spend where company_id = $1) as spent,
            sum(coalesce(cost_usd, reserved_usd))::float8 as cost, count(*) filter (where ended_at is null)::int as open
     from generation_calls where company_id = $1`,
    companyId,
  );
  return row as NonNullable<typeof row>;
}

/** Load, pause, open, form, reserve, end of the call, notes of the answer, end: nine; beyond them nothing is left to die in. */
describe.each(['before', 'after'] as const)('a run that dies %s its statement', (moment) => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('%i: the next one goes on, and the customer gets one reply', async (n) => {
    const companyId = await ai.company();
    const ids = await ai.wrote(companyId, 'Do you have parking?');
    ai.llm.script({ kind: 'say', content: GOOD }, { kind: 'say', content: GOOD });
    await expect(ai.run(ids, { through: dying(ai.database, n, moment) })).rejects.toThrow(Killed);
    const result = await ai.run(ids);
    expect(result).toMatchObject({ status: 'auto_sent', messageId: expect.stringMatching(/^\d+$/) });
    expect(await ai.run(ids)).toEqual(result);
    expect(await ai.outbox(companyId)).toEqual([GOOD.reply]);
    expect(await jobs(companyId)).toHaveLength(1);
    const { spent, cost, open } = await money(companyId);
    expect(open).toBe(0);
    expect(spent).toBeCloseTo(cost, 10);
  });
});

test('a run is as many statements as the table above believes', async () => {
  const ids = await ai.wrote(await ai.company(), 'Do you have parking?');
  ai.llm.script({ kind: 'say', content: GOOD });
  expect(await ai.run(ids, { through: dying(ai.database, 10, 'before') })).toMatchObject({ status: 'auto_sent' });
});

test('a retry uses the version that was pinned, though the label has moved since', async () => {
  const companyId = await ai.company();
  const ids = await ai.wrote(companyId, 'Do you have parking?');
  await expect(ai.run(ids, { through: dying(ai.database, 4, 'before') })).rejects.toThrow(Killed);
  await ai.rows(`
    with version as (
      insert into prompt_versions (prompt_id, version, system, user_template, variables, model_config, checksum, created_by)
      select id, 2, 'SECOND', '{{message}}', '{message}', '{}', 'x', 'sam' from prompts where company_id is null
      returning prompt_id
    )
    update prompt_labels set version = 2 where prompt_id in (select id from prompts where company_id is null) and label = 'production'`);
  try {
    await ai.run(ids);
    expect(ai.llm.asked.at(-1)?.system).not.toContain('SECOND');
    expect(await generation(ids)).toMatchObject({ prompt_version: 1 });
    await ai.run(await ai.wrote(companyId, 'And a pool?'));
    expect(ai.llm.asked.at(-1)?.system).toContain('SECOND');
  } finally {
    await ai.rows("update prompt_labels set version = 1 where label = 'production'");
  }
});

test('eight runs of one message at once, over connections of their own, send one reply', async () => {
  const companyId = await ai.company();
  const ids = await ai.wrote(companyId, 'Do you have parking?');
  ai.llm.script(...Array.from({ length: 8 }, () => ({ kind: 'say', content: GOOD }) as const));
  const results = await Promise.all(Array.from({ length: 8 }, () => ai.run(ids)));
  expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
  expect(results[0]).toMatchObject({ status: 'auto_sent' });
  expect(await ai.outbox(companyId)).toHaveLength(1);
  expect(await jobs(companyId)).toHaveLength(1);
});

test('a call that is cut off counts with all that it may have cost', async () => {
  const companyId = await ai.company();
  const ids = await ai.wrote(companyId, 'Do you have parking?');
  ai.llm.faults.add({ delayMs: 5_000 });
  const stop = new AbortController();
  const before = ai.llm.calls.length;
  const running = ai.run(ids, { signal: stop.signal });
  await expect.poll(() => ai.llm.calls.length).toBe(before + 1);
  stop.abort(new Error('the deadline'));
  await expect(running).rejects.toThrow('the deadline');
  const [call] = await ai.rows(
    'select outcome, cost_usd = reserved_usd and cost_usd > 0 as whole from generation_calls where company_id = $1',
    companyId,
  );
  expect(call).toEqual({ outcome: 'unknown', whole: true });
  expect(await generation(ids)).toMatchObject({ status: 'pending' });
});

describe('what happens while the model writes', () => {
  test.each<[string, string, (ids: Ids) => Promise<unknown>]>([
    [
      'a person takes over',
      'human_took_over',
      ({ conversationId }) =>
        ai.rows('update conversations set human_took_over_at = now() where id = $1', conversationId),
    ],
    [
      'the AI is switched off there',
      'ai_off',
      ({ conversationId }) => ai.rows('update conversations set ai_enabled = false where id = $1', conversationId),
    ],
    [
      'the company goes back to copilot',
      'auto_send_off',
      ({ companyId }) => ai.rows("update ai_settings set mode = 'copilot' where company_id = $1", companyId),
    ],
    [
      'the customer opts out',
      'opted_out',
      ({ companyId }) =>
        ai.rows("insert into opt_outs (company_id, phone_e164) values ($1, '+971501111111')", companyId),
    ],
    ['the customer writes again', 'conversation_moved_on', ({ companyId }) => ai.wrote(companyId, 'And a pool?')],
    [
      'the window closes',
      'window_closed',
      ({ conversationId }) =>
        ai.rows("update conversations set last_inbound_at = now() - interval '25 h' where id = $1", conversationId),
    ],
  ])('%s: the draft stays, and nothing goes out', async (_, reason, meanwhile) => {
    const companyId = await ai.company();
    const ids = await ai.wrote(companyId, 'Do you have parking?');
    ai.llm.script({ kind: 'say', content: GOOD });
    await ai.run(ids, { through: overtaken(ai.database, () => meanwhile(ids)) });
    expect(await generation(ids)).toMatchObject({ status: 'drafted', reason, message_id: null });
    expect(await ai.outbox(companyId)).toEqual([]);
    expect(await jobs(companyId)).toEqual([]);
  });

  test('the conversation was joined with that of a number: the reply goes out there, once', async () => {
    const companyId = await ai.company();
    const ids = await ai.wrote(companyId, 'Do you have parking?');
    const [kept] = await ai.rows<{ id: string }>(
      "insert into conversations (company_id, phone_e164, last_inbound_at) values ($1, '+971509999999', now()) returning id::text",
      companyId,
    );
    await ai.rows('update messages set conversation_id = $1 where conversation_id = $2', kept?.id, ids.conversationId);
    await ai.rows('delete from conversations where id = $1', ids.conversationId);
    ai.llm.script({ kind: 'say', content: GOOD });
    expect(await ai.run(ids)).toMatchObject({ status: 'auto_sent' });
    expect(await ai.run(ids)).toMatchObject({ status: 'auto_sent' });
    expect(await ai.outbox(companyId)).toEqual([GOOD.reply]);
  });

  test('somebody holds the conversation to take it over: the reply waits for it, and then does not go', async () => {
    const companyId = await ai.company();
    const ids = await ai.wrote(companyId, 'Do you have parking?');
    ai.llm.script({ kind: 'say', content: GOOD });
    const other = connect(ai.url);
    try {
      let run: Promise<unknown> = Promise.resolve();
      await other.transaction(async (tx) => {
        await tx.execute({
          text: 'update conversations set human_took_over_at = now() where id = $1',
          params: [ids.conversationId],
        });
        run = ai.run(ids, { through: ai.database });
        await expect
          .poll(async () => {
            const [row] = await ai.rows<{ waits: number }>(
              "select count(*)::int as waits from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
            );
            return row?.waits;
          })
          .toBe(1);
      });
      expect(await run).toMatchObject({ status: 'drafted', reason: 'human_took_over' });
      expect(await ai.outbox(companyId)).toEqual([]);
    } finally {
      await other.close();
    }
  });
});
