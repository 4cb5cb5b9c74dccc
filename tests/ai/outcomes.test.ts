/** Outcomes of a generation: corrections, throttles, quotas, fail-over, and the final decision on sending without a person. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { resumeConnection } from '../../lib/connections/connection.ts';
import { log } from '../../lib/log.ts';
import { isContinue } from '../../packages/jobqueue/src/core/job.ts';
import { LLM_KEYS } from '../standins/llm.ts';
import { GOOD, type Ids, type Replies, replies } from './replies.ts';

let ai: Replies;
beforeAll(async () => {
  ai = await replies();
  vi.spyOn(log, 'error').mockReturnValue();
  vi.spyOn(log, 'warn').mockReturnValue();
});
afterEach(() => {
  vi.unstubAllEnvs();
  ai.llm.reset();
});
afterAll(() => ai.close());

const say = (content: object = {}) => ai.llm.script({ kind: 'say', content: { ...GOOD, ...content } });
const calls = (companyId: string) =>
  ai.rows<{ purpose: string; provider: string; outcome: string }>(
    'select purpose, provider, outcome from generation_calls where company_id = $1 order by id',
    companyId,
  );
const paused = async (companyId: string) => {
  const rows = await ai.rows<{ paused_code: string }>(
    "select paused_code from connections where company_id = $1 and provider = 'ai' and paused_at is not null",
    companyId,
  );
  return rows.map(({ paused_code }) => paused_code);
};

interface Body {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly response_format?: { readonly type: string };
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
}
const bodies = () => ai.llm.calls.map(({ body }) => JSON.parse(body) as Body);

describe('one correction of each kind', () => {
  test('too much input: the history is left out, once', async () => {
    const companyId = await ai.company();
    await ai.wrote(companyId, 'I am looking for a villa');
    const ids = await ai.wrote(companyId, 'Do you have parking?');
    ai.llm.script({ kind: 'context_length' });
    say();
    expect(await ai.run(ids)).toMatchObject({ status: 'auto_sent' });
    const [whole, shrunk] = bodies().slice(-2);
    expect(JSON.stringify(whole?.messages)).toContain('a villa');
    expect(JSON.stringify(shrunk?.messages)).not.toContain('a villa');
    expect(shrunk?.messages.at(-1)?.content).toContain('Do you have parking?');
    expect(await calls(companyId)).toMatchObject([{ outcome: 'too_long' }, { purpose: 'shrink', outcome: 'ok' }]);
  });

  test('still too much: permanent', async () => {
    const companyId = await ai.company();
    ai.llm.script({ kind: 'context_length' }, { kind: 'context_length' });
    expect(await ai.run(await ai.wrote(companyId, 'Hi'))).toMatchObject({ status: 'failed', reason: 'too_long' });
  });

  test('cut at the cap: once more with twice the room, and then a person has to write', async () => {
    const companyId = await ai.company();
    ai.llm.script({ kind: 'length', content: '{"reply": "Hel' }, { kind: 'length', content: '{"reply": "Hello th' });
    expect(await ai.run(await ai.wrote(companyId, 'Hi'))).toMatchObject({ status: 'blocked', reason: 'truncated' });
    const caps = bodies()
      .slice(-2)
      .map(({ max_tokens, max_completion_tokens }) => max_completion_tokens ?? max_tokens);
    expect(caps).toEqual([800, 1_600]);
  });

  test('cut at the cap of a model that has no more room: a person has to write, and the settings are not to blame', async () => {
    const companyId = await ai.company();
    const error = {
      message: 'max_tokens is too large: 1600. This model supports at most 1024 completion tokens.',
      type: 'invalid_request_error',
      param: 'max_tokens',
      code: 'invalid_value',
    };
    ai.llm.script({ kind: 'length', content: '{' }, { kind: 'error', status: 400, body: { error } });
    expect(await ai.run(await ai.wrote(companyId, 'Hi'))).toMatchObject({ status: 'blocked', reason: 'truncated' });
    expect(await paused(companyId)).toEqual([]);
  });

  test('no JSON: the model is shown what it said, and asked again', async () => {
    const companyId = await ai.company();
    ai.llm.script({ kind: 'say', content: 'Yes, we do!' });
    say();
    expect(await ai.run(await ai.wrote(companyId, 'Hi'))).toMatchObject({ status: 'auto_sent' });
    expect(bodies().at(-1)?.messages.at(-2)).toEqual({ role: 'assistant', content: 'Yes, we do!' });
  });

  test('all three in one generation are four calls, and no more', async () => {
    const companyId = await ai.company();
    ai.llm.script({ kind: 'context_length' }, { kind: 'say', content: 'no' }, { kind: 'length', content: '{' });
    say();
    expect(await ai.run(await ai.wrote(companyId, 'Hi'))).toMatchObject({ status: 'auto_sent' });
    expect((await calls(companyId)).map(({ purpose }) => purpose)).toEqual(['reply', 'shrink', 'repair', 'longer']);
  });
});

describe('settings that can never work', () => {
  test('a server that knows no schema is asked for a JSON object, and at once from then on', async () => {
    ai.llm.serve({ dialect: 'deepseek', forms: ['json_object', 'text'] });
    const companyId = await ai.company({ provider: 'compatible', model: 'llama-3.1-8b' });
    let seen = ai.llm.calls.length;
    const forms = () => {
      const bodies = ai.llm.calls.slice(seen).map(({ body }) => JSON.parse(body) as Body);
      seen += bodies.length;
      return bodies.map(({ response_format }) => response_format?.type);
    };
    say();
    expect(await ai.run(await ai.wrote(companyId, 'One'))).toMatchObject({ status: 'auto_sent' });
    expect(forms()).toEqual(['json_schema', 'json_object']);
    say();
    expect(await ai.run(await ai.wrote(companyId, 'Two'))).toMatchObject({ status: 'auto_sent' });
    expect(forms()).toEqual(['json_object']);
    await ai.rows("update ai_forms set learned_at = now() - interval '8 days' where company_id = $1", companyId);
    say();
    await ai.run(await ai.wrote(companyId, 'Three'));
    expect(forms()).toEqual(['json_schema', 'json_object']);
    expect(await paused(companyId)).toEqual([]);
  });

  test('a server that knows no form at all pauses the connection, once', async () => {
    ai.llm.serve({ dialect: 'lmstudio', forms: [] });
    const companyId = await ai.company({ provider: 'compatible', model: 'llama-3.1-8b' });
    for (const body of ['One', 'Two']) expect(isContinue(await ai.run(await ai.wrote(companyId, body)))).toBe(true);
    expect(await paused(companyId)).toHaveLength(1);
    expect(await calls(companyId)).toHaveLength(3);
  });

  test.each<[string, Record<string, unknown>]>([
    ['a model that there is not', { provider: 'compatible', model: 'gpt-9' }],
    ['a path that there is not', { base_url: 'ORIGIN/wrong' }],
    ['no URL', { base_url: 'llm.example/v1' }],
  ])('%s pauses the connection at the first message', async (_, settings) => {
    ai.llm.serve({ dialect: 'mistral' });
    const base_url = String(settings.base_url ?? 'ORIGIN/v1').replace('ORIGIN', ai.llm.origin);
    const companyId = await ai.company({ ...settings, base_url });
    expect(isContinue(await ai.run(await ai.wrote(companyId, 'Hi')))).toBe(true);
    expect(await paused(companyId)).toHaveLength(1);
  });
});

describe('messages that no reply comes of', () => {
  const prose = () => ai.llm.script({ kind: 'say', content: 'Yes!' }, { kind: 'say', content: 'Yes!' });
  const fails = async (companyId: string) => {
    prose();
    return ai.run(await ai.wrote(companyId, 'Hi'));
  };

  test('five in a row, each for the same reason, pause the connection once, and the fifth waits instead of failing', async () => {
    const companyId = await ai.company();
    for (let n = 0; n < 4; n++)
      expect(await fails(companyId)).toMatchObject({ status: 'failed', reason: 'unparsable' });
    prose();
    const fifth = await ai.wrote(companyId, 'Hello?');
    expect(isContinue(await ai.run(fifth))).toBe(true);
    expect(await paused(companyId)).toEqual(['refused_alike']);
    const asked = ai.llm.asked.length;
    expect(isContinue(await ai.run(await ai.wrote(companyId, 'Hi', '+971501111112')))).toBe(true);
    expect(ai.llm.asked).toHaveLength(asked);
    await resumeConnection(ai.database, { companyId, provider: 'ai' });
    say();
    expect(await ai.run(fifth)).toMatchObject({ status: 'auto_sent' });
  });

  test('and one that is answered between them says that they are to blame themselves', async () => {
    const companyId = await ai.company();
    for (let n = 0; n < 3; n++) {
      await fails(companyId);
      await fails(companyId);
      say();
      await ai.run(await ai.wrote(companyId, 'Hi'));
    }
    expect(await paused(companyId)).toEqual([]);
  });
});

describe('what concerns one message only', () => {
  const outcome = async (kind: 'invalid_prompt' | 'request_too_large', times: number) => {
    const companyId = await ai.company();
    ai.llm.script(...Array.from({ length: times }, () => ({ kind }) as const));
    const blocks: string[] = [];
    const rateLimit = Object.assign(async () => undefined, {
      takeTokens: async () => [],
      blockUntil: async (key: string) => void blocks.push(key),
    });
    const result = await ai.run(await ai.wrote(companyId, 'Hi'), { rateLimit });
    return { result, blocks, paused: await paused(companyId), calls: (await calls(companyId)).length };
  };

  test('a prompt that the provider flags is for a person: it is asked once, and nothing is paused', async () => {
    expect(await outcome('invalid_prompt', 1)).toMatchObject({
      result: { status: 'blocked', reason: 'provider_safety: invalid_prompt' },
      blocks: [],
      paused: [],
      calls: 1,
    });
  });

  test('a request too large for the account is asked without its history, and holds nobody up', async () => {
    expect(await outcome('request_too_large', 1)).toMatchObject({
      result: { reason: null },
      blocks: [],
      paused: [],
    });
    expect(await outcome('request_too_large', 2)).toMatchObject({
      result: { status: 'failed', reason: 'too_long' },
      blocks: [],
      paused: [],
      calls: 2,
    });
  });
});

describe('a provider that cannot be asked now', () => {
  test('too quick: the bucket of its key is blocked for everybody, and the job waits as long', async () => {
    const companyId = await ai.company();
    const ids = await ai.wrote(companyId, 'Hi');
    ai.llm.script({ kind: 'rate_limit', retryAfterS: 34 });
    const blocks: [string, unknown][] = [];
    const taken: string[] = [];
    const rateLimit = Object.assign(async (key: string) => void taken.push(key), {
      takeTokens: async () => [],
      blockUntil: async (key: string, until: unknown) => void blocks.push([key, until]),
    });
    const result = await ai.run(ids, { rateLimit });
    expect(isContinue(result) && result.delayMs).toBeGreaterThanOrEqual(34_000);
    expect(blocks).toEqual([[`ai:openai:company:${companyId}`, { delayMs: 34_000 }]]);
    expect(taken).toEqual([`ai:openai:company:${companyId}`]);
    say();
    expect(await ai.run(ids)).toMatchObject({ status: 'auto_sent' });
  });

  test("companies that use the deployment's key share its bucket", async () => {
    vi.stubEnv('OPENAI_API_KEY', LLM_KEYS.openai);
    vi.stubEnv('OPENAI_BASE_URL', `${ai.llm.origin}/v1`);
    vi.stubEnv('AI_PROVIDER', '');
    vi.stubEnv('AI_MODEL', '');
    const taken: string[] = [];
    const rateLimit = Object.assign(async (key: string) => void taken.push(key), {
      takeTokens: async () => [],
      blockUntil: async () => undefined,
    });
    for (let n = 0; n < 2; n++) {
      const companyId = await ai.company({ provider: null, model: null, base_url: null, api_key: null });
      say();
      expect(await ai.run(await ai.wrote(companyId, 'Hi'), { rateLimit })).toMatchObject({ status: 'auto_sent' });
    }
    expect(taken).toEqual(['ai:openai:deployment', 'ai:openai:deployment']);
  });

  test('a bad key pauses the connection; nothing is asked until an operator resumes it, and nothing is lost', async () => {
    const companyId = await ai.company({ api_key: 'sk-revoked-0123456789' });
    const ids = await ai.wrote(companyId, 'Hi');
    expect(isContinue(await ai.run(ids))).toBe(true);
    expect(await paused(companyId)).toEqual(['invalid_api_key']);
    const before = ai.llm.calls.length;
    expect(isContinue(await ai.run(ids))).toBe(true);
    expect(ai.llm.calls).toHaveLength(before);
    await ai.rows('update ai_settings set api_key = $1 where company_id = $2', LLM_KEYS.openai, companyId);
    await ai.rows('delete from connections where company_id = $1', companyId);
    say();
    expect(await ai.run(ids)).toMatchObject({ status: 'auto_sent' });
    const told = JSON.stringify([
      await ai.rows('select * from generation_calls where company_id = $1', companyId),
      await ai.rows('select * from ai_refusals where company_id = $1', companyId),
      vi.mocked(log.error).mock.calls,
    ]);
    expect(told).not.toContain('revoked');
  });

  test('nothing is configured: the connection says so', async () => {
    for (const name of ['OPENAI_API_KEY', 'AI_PROVIDER', 'AI_MODEL']) vi.stubEnv(name, '');
    const companyId = await ai.company({ provider: null, base_url: null, api_key: null });
    expect(isContinue(await ai.run(await ai.wrote(companyId, 'Hi')))).toBe(true);
    expect(await paused(companyId)).toEqual(['not_configured']);
  });
});

describe('with a fallback', () => {
  const withFallback = () =>
    ai.company({
      fallback_provider: 'google',
      fallback_model: 'gemini-2.5-flash',
      fallback_api_key: LLM_KEYS.google,
      fallback_base_url: `${ai.llm.origin}/v1beta`,
    });

  test('a used-up quota fails over at once, is not asked again for an hour, and then first', async () => {
    const companyId = await withFallback();
    ai.llm.script({ kind: 'insufficient_quota' });
    say();
    expect(await ai.run(await ai.wrote(companyId, 'One'))).toMatchObject({ status: 'auto_sent' });
    say();
    await ai.run(await ai.wrote(companyId, 'Two'));
    await ai.rows("update ai_refusals set refused_at = now() - interval '61 min' where company_id = $1", companyId);
    say();
    await ai.run(await ai.wrote(companyId, 'Three'));
    expect(await calls(companyId)).toEqual([
      { purpose: 'reply', provider: 'openai', outcome: 'quota' },
      { purpose: 'reply', provider: 'google', outcome: 'ok' },
      { purpose: 'reply', provider: 'google', outcome: 'ok' },
      { purpose: 'reply', provider: 'openai', outcome: 'ok' },
    ]);
    expect(await paused(companyId)).toEqual([]);
  });

  test('that refuses too, the connection is paused', async () => {
    const companyId = await withFallback();
    ai.llm.script({ kind: 'insufficient_quota' }, { kind: 'insufficient_quota' });
    expect(isContinue(await ai.run(await ai.wrote(companyId, 'Hi')))).toBe(true);
    expect(await paused(companyId)).toEqual(['RESOURCE_EXHAUSTED']);
  });

  test('an outage is waited out, not failed over: it costs nothing to wait a minute', async () => {
    const companyId = await withFallback();
    ai.llm.faults.add({ match: '/v1/', status: 503 });
    expect(isContinue(await ai.run(await ai.wrote(companyId, 'Hi')))).toBe(true);
    expect(await calls(companyId)).toMatchObject([{ provider: 'openai', outcome: 'transient' }]);
  });
});

describe('the last word', () => {
  test('replies in a row are bounded until a person writes', async () => {
    const companyId = await ai.company({ max_consecutive_replies: 2 });
    const results = [];
    for (const body of ['One', 'Two', 'Three']) {
      say();
      results.push(await ai.run(await ai.wrote(companyId, body)));
    }
    expect(results).toMatchObject([
      { status: 'auto_sent' },
      { status: 'auto_sent' },
      { status: 'review', reason: 'too_many_replies_in_a_row' },
    ]);
    const { conversationId } = await ai.wrote(companyId, 'Four');
    await ai.rows(
      "insert into messages (company_id, conversation_id, direction, author, body, status) values ($1, $2, 'outbound', 'person', 'Hi', 'sent')",
      companyId,
      conversationId,
    );
    say();
    expect(await ai.run(await ai.wrote(companyId, 'Five'))).toMatchObject({ status: 'auto_sent' });
  });

  test('what a person has answered is not answered again', async () => {
    const companyId = await ai.company();
    const ids = await ai.wrote(companyId, 'Hi');
    await ai.rows(
      "insert into messages (company_id, conversation_id, direction, author, body, status) values ($1, $2, 'outbound', 'person', 'Hello', 'sent')",
      companyId,
      ids.conversationId,
    );
    expect(await ai.run(ids)).toMatchObject({ status: 'skipped', reason: 'answered' });
    expect(ai.llm.asked).toEqual([]);
  });

  test.each<[string, Record<string, boolean>, () => void, string]>([
    [
      'what the moderation endpoint flags is blocked',
      { moderation: true },
      () => ai.llm.flag(/glad/, 'harassment'),
      'blocked',
    ],
    [
      'moderation without an answer is for a person',
      { moderation: true },
      () => ai.llm.faults.add({ match: 'moderations', reset: 'after' }),
      'review',
    ],
    ['moderation that finds nothing lets it go', { moderation: true }, () => undefined, 'auto_sent'],
    [
      'a judge who finds it unsafe sends it to a person',
      { judge: true },
      () => ai.llm.script({ kind: 'say', content: { safe: false, score: 80, reason: 'a promise' } }),
      'review',
    ],
    [
      'a judge who says nothing readable too',
      { judge: true },
      () => ai.llm.script({ kind: 'say', content: 'fine by me' }),
      'review',
    ],
    ['a judge who is content lets it go', { judge: true }, () => undefined, 'auto_sent'],
  ])('%s', async (_, settings, prepare, status) => {
    const companyId = await ai.company(settings);
    say();
    prepare();
    expect(await ai.run(await ai.wrote(companyId, 'Do you have parking?'))).toMatchObject({ status });
    expect(await ai.outbox(companyId)).toHaveLength(status === 'auto_sent' ? 1 : 0);
  });

  test('the verdict is stored with the draft: who checked, what was found, where', async () => {
    const companyId = await ai.company();
    say({ reply: 'It costs AED 1,200,000.' });
    const ids = await ai.wrote(companyId, 'Hello?');
    await ai.run(ids);
    const [row] = await ai.rows<{ verdict: object }>(
      'select verdict from generations where trigger_message_id = $1',
      ids.messageId,
    );
    expect(row?.verdict).toEqual({
      decision: 'review',
      score: 50,
      checkedBy: ['rules@2'],
      errors: [],
      findings: [
        {
          rule: 'price_claim',
          ruleVersion: 1,
          severity: 'high',
          span: [9, 22],
          excerpt: 'AED 1,200,000',
          explanation: expect.any(String),
        },
      ],
    });
  });
});

describe('what Postgres cannot store', () => {
  test('in a reply is replaced, and a person looks at it', async () => {
    const companyId = await ai.company();
    say({ reply: 'Yes \ud83d, of\0 course.', intent: 'ques\udc00tion' });
    const ids = await ai.wrote(companyId, 'Do you have parking?');
    expect(await ai.run(ids)).toMatchObject({ status: 'review' });
    const [row] = await ai.rows('select draft from generations where trigger_message_id = $1', ids.messageId);
    expect(row).toEqual({ draft: 'Yes \ufffd, of\ufffd course.' });
  });

  test('in what a judge says, cut in the middle of a character, is replaced too', async () => {
    const companyId = await ai.company({ judge: true });
    say();
    ai.llm.script({ kind: 'say', content: { safe: false, score: 80, reason: `${'a'.repeat(199)}\u{1f600}` } });
    expect(await ai.run(await ai.wrote(companyId, 'Hi'))).toMatchObject({ status: 'review' });
  });

  test('is never sent either: a message that is cut in the middle of a character is a whole one to the model', async () => {
    const companyId = await ai.company();
    say();
    await ai.run(await ai.wrote(companyId, `${'a'.repeat(4_095)}\u{1f600}`));
    expect(ai.llm.calls.at(-1)?.body).not.toMatch(/\\ud83d/);
  });
});

describe('what there is not', () => {
  const real = async (): Promise<Ids> => ai.wrote(await ai.company(), 'Hi');
  test.each<[string, (ids: Ids) => Promise<Ids>]>([
    ['no such message', async (ids) => ({ ...ids, messageId: '999999' })],
    ['ids that are none', async (ids) => ({ ...ids, conversationId: 'conv_123' })],
    ['another company', async (ids) => ({ ...ids, companyId: await ai.company() })],
    ['another conversation', async (ids) => ({ ...ids, conversationId: (await real()).conversationId })],
  ])('%s is an error that no retry mends', async (_, wrong) => {
    await expect(ai.run(await wrong(await real()))).rejects.toMatchObject({ name: 'NonRetryableError' });
  });
});
