/** The cost of generations: never above the budget, with any number of concurrent runs, and the booked amount equals the bill. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { log } from '../../lib/log.ts';
import { isContinue } from '../../packages/jobqueue/src/core/job.ts';
import type { Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { GOOD, type Replies, replies } from './replies.ts';

let ai: Replies;
beforeAll(async () => {
  ai = await replies();
  vi.spyOn(log, 'error').mockReturnValue();
});
afterEach(() => ai.llm.reset());
afterAll(() => ai.close());

const wroteEach = (companyId: string, count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, n) => ai.wrote(companyId, 'Do you have parking?', `+9715011${11_000 + n}`)),
  );

async function ends(companyId: string): Promise<Record<string, number>> {
  const rows = await ai.rows<{ end: string; n: number }>(
    'select coalesce(reason, status) as end, count(*)::int as n from generations where company_id = $1 group by 1',
    companyId,
  );
  return Object.fromEntries(rows.map(({ end, n }) => [end, n]));
}

async function spent(companyId: string) {
  const [row] = await ai.rows<{ day: number; month: number; generations: number; cost: number; reserved: number }>(
    `select day_usd::float8 as day, month_usd::float8 as month, day_generations as generations,
            (select sum(cost_usd)::float8 from generation_calls c where c.company_id = s.company_id) as cost,
            (select sum(reserved_usd)::float8 from generation_calls c where c.company_id = s.company_id) as reserved
     from ai_spend s where company_id = $1`,
    companyId,
  );
  return row as NonNullable<typeof row>;
}

/** The highest cost of one reply, by the prompt that they all share. */
async function worstCase(): Promise<number> {
  const companyId = await ai.company();
  await ai.run(await ai.wrote(companyId, 'Do you have parking?', '+971501111000'));
  return (await spent(companyId)).reserved;
}

describe('a budget', () => {
  test('of three replies lets exactly three of thirty be asked for at once, though none has been paid yet', async () => {
    const companyId = await ai.company({ daily_budget_usd: (await worstCase()) * 3.5 });
    const messages = await wroteEach(companyId, 30);
    ai.llm.reset();
    let release = () => {};
    const decided = new Promise<void>((resolve) => {
      release = resolve;
    });
    // nothing is given back before everybody has asked
    const through: Database = {
      ...ai.database,
      async execute(statement, options) {
        if (statement.text.includes('update ai_spend')) await decided;
        return ai.database.execute<never>(statement, options);
      },
    };
    const runs = Promise.all(messages.map((ids) => ai.run(ids, { through })));
    await expect.poll(() => ends(companyId), { timeout: 20_000 }).toMatchObject({ daily_budget: 27 });
    release();
    await runs;
    expect(ai.llm.asked).toHaveLength(3);
    const { day, cost } = await spent(companyId);
    expect(day).toBeCloseTo(cost, 10);
  });

  test('that is smaller than one reply lets none be asked for', async () => {
    const companyId = await ai.company({ daily_budget_usd: (await worstCase()) * 0.9 });
    ai.llm.reset();
    expect(await ai.run(await ai.wrote(companyId, 'Hi'))).toMatchObject({ status: 'skipped', reason: 'daily_budget' });
    expect(ai.llm.asked).toEqual([]);
  });

  test('is given back what a call did not cost, so that more than its worst cases fit', async () => {
    const worst = await worstCase();
    const companyId = await ai.company({ daily_budget_usd: worst * 1.5 });
    for (const ids of await wroteEach(companyId, 4)) await ai.run(ids);
    const { day, cost, reserved, month } = await spent(companyId);
    expect(reserved).toBeGreaterThan(worst * 3.5);
    expect(day).toBeCloseTo(cost, 10);
    expect(month).toBeCloseTo(cost, 10);
    expect(day).toBeLessThanOrEqual(worst * 1.5);
  });

  test('of the month holds on a new day, and both are new in a new month', async () => {
    const worst = await worstCase();
    const companyId = await ai.company({ daily_budget_usd: worst * 1.1, monthly_budget_usd: worst * 1.1 });
    const [first, second, third] = await wroteEach(companyId, 3);
    await ai.run(first as NonNullable<typeof first>);
    const move = (columns: string) => ai.rows(`update ai_spend set ${columns} where company_id = $1`, companyId);
    await move('day = day - 1, day_usd = 1000, month_usd = 1000');
    expect(await ai.run(second as NonNullable<typeof second>)).toMatchObject({ reason: 'monthly_budget' });
    await move("month = month - interval '1 month'");
    expect(await ai.run(third as NonNullable<typeof third>)).not.toMatchObject({ status: 'skipped' });
    expect((await spent(companyId)).month).toBeLessThan(worst);
  });

  test("counts days by the company's clock", async () => {
    const days = [];
    for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
      const companyId = await ai.company();
      await ai.rows('insert into company_settings (company_id, time_zone) values ($1, $2)', companyId, zone);
      await ai.run(await ai.wrote(companyId, 'Hi'));
      const [row] = await ai.rows<{ day: string }>('select day::text from ai_spend where company_id = $1', companyId);
      days.push(row?.day);
    }
    expect(days[0]).not.toBe(days[1]); // 25 hours apart, so never the same date
  });
});

test('of twenty messages at once exactly as many are put to a model as a day may have', async () => {
  const companyId = await ai.company({ max_messages_per_day: 5 });
  const messages = await wroteEach(companyId, 20);
  await Promise.all(messages.map((ids) => ai.run(ids)));
  expect(ai.llm.asked).toHaveLength(5);
  expect(await ends(companyId)).toMatchObject({ daily_messages: 15 });
  expect(await spent(companyId)).toMatchObject({ generations: 5 });
});

describe('what a call is booked with', () => {
  test('what the provider says that it used, by the price of that day', async () => {
    const companyId = await ai.company({ model: 'gpt-4.1-mini' });
    await ai.rows(
      "insert into model_prices values ('openai', 'gpt-4.1-mini', now() - interval '1 day', 1000, 500, 3000), ('openai', 'gpt-4.1-mini', now() + interval '1 day', 9, 9, 9)",
    );
    ai.llm.script({ kind: 'say', content: GOOD, outputTokens: 20 });
    await ai.run(await ai.wrote(companyId, 'Hi'));
    const [call] = await ai.rows<{ input: number; cost: number }>(
      'select input_tokens as input, cost_usd::float8 as cost from generation_calls where company_id = $1',
      companyId,
    );
    expect(call?.cost).toBeCloseTo(((call?.input ?? 0) * 1000 + 20 * 3000) / 1e6, 10);
  });

  test('thoughts that the provider counts beside its answer', async () => {
    const companyId = await ai.company();
    const usage = {
      prompt_tokens: 5,
      completion_tokens: 3,
      total_tokens: 80,
      completion_tokens_details: { reasoning_tokens: 72 },
    };
    ai.llm.script({ kind: 'say', content: GOOD, usage });
    await ai.run(await ai.wrote(companyId, 'Hi'));
    const booked = await ai.rows(
      'select input_tokens, output_tokens, cost_by, cost_usd::float8 from generation_calls where company_id = $1',
      companyId,
    );
    const cost_usd = (5 * 0.15 + 75 * 0.6) / 1e6;
    expect(booked).toEqual([{ input_tokens: 5, output_tokens: 75, cost_by: 'usage', cost_usd }]);
  });

  test('the most that it may have cost where the provider counts nothing, and is marked so', async () => {
    const companyId = await ai.company();
    ai.llm.script({ kind: 'say', content: GOOD, usage: null });
    await ai.run(await ai.wrote(companyId, 'Hi'));
    const booked = await ai.rows(
      'select output_tokens, cost_by, cost_usd = reserved_usd as whole from generation_calls where company_id = $1',
      companyId,
    );
    expect(booked).toEqual([{ output_tokens: null, cost_by: 'reservation', whole: true }]);
  });

  test.each([
    [
      'nothing where the provider refuses',
      { status: 429, body: { error: { message: 'slow', type: 'requests', code: 'rate_limit_exceeded' } } },
      'throttled',
      0,
    ],
    ['nothing where it is overloaded', { status: 503 }, 'transient', 0],
    ['everything where nobody knows', { reset: 'after' }, 'transient', 1],
    ['everything behind a gateway that gave up', { status: 504 }, 'transient', 1],
  ] as const)('%s', async (_, fault, outcome, share) => {
    const companyId = await ai.company();
    ai.llm.faults.add(fault);
    expect(isContinue(await ai.run(await ai.wrote(companyId, 'Hi')))).toBe(true);
    const [call] = await ai.rows<{ outcome: string; share: number }>(
      'select outcome, (cost_usd / reserved_usd)::float8 as share from generation_calls where company_id = $1',
      companyId,
    );
    expect(call).toEqual({ outcome, share });
  });

  test('an answer that could not be read cost what it cost', async () => {
    const companyId = await ai.company();
    ai.llm.script({ kind: 'say', content: 'no JSON' }, { kind: 'say', content: 'again not' });
    expect(await ai.run(await ai.wrote(companyId, 'Hi'))).toMatchObject({ status: 'failed', reason: 'unparsable' });
    const calls = await ai.rows(
      'select outcome, cost_usd > 0 as paid from generation_calls where company_id = $1',
      companyId,
    );
    expect(calls).toEqual(Array(2).fill({ outcome: 'unparsable', paid: true }));
  });
});

describe('a model without a price', () => {
  test('is not asked under a budget: somebody has to enter one', async () => {
    const companyId = await ai.company({ provider: 'compatible', model: 'llama-3.1-8b', daily_budget_usd: 5 });
    expect(isContinue(await ai.run(await ai.wrote(companyId, 'Hi')))).toBe(true);
    expect(ai.llm.asked).toEqual([]);
    const [connection] = await ai.rows('select paused_code from connections where company_id = $1', companyId);
    expect(connection).toEqual({ paused_code: 'price_missing' });
  });

  test('is asked where there is none, and booked with nothing', async () => {
    const companyId = await ai.company({ provider: 'compatible', model: 'llama-3.1-8b' });
    ai.llm.script({ kind: 'say', content: GOOD });
    expect(await ai.run(await ai.wrote(companyId, 'Hi'))).toMatchObject({ status: 'auto_sent' });
    expect((await spent(companyId)).cost).toBe(0);
  });
});

test('a generation that went on costing without an end is given up', async () => {
  const companyId = await ai.company();
  const ids = await ai.wrote(companyId, 'Hi');
  ai.llm.faults.add({ reset: 'after', times: null });
  let result: unknown;
  for (let runs = 0; runs < 20 && (runs === 0 || isContinue(result)); runs++) result = await ai.run(ids);
  expect(result).toMatchObject({ status: 'failed', reason: 'too_many_calls' });
  expect(ai.llm.asked).toHaveLength(12);
});
