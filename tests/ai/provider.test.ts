/** One call of a model: what each vendor may answer, and what we make of it. Over real HTTP, by the AI SDK. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { APICallError } from 'ai';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { failureOf } from '../../lib/providers/ai/failure.ts';
import { type AiAccount, aiAccount, askModel, FORMS, type Form, moderate } from '../../lib/providers/ai.ts';
import { DIALECTS, type DialectName } from '../standins/llm/dialects.ts';
import { LLM_KEYS, type Llm, startLlm } from '../standins/llm.ts';

let llm: Llm;
beforeAll(async () => {
  llm = await startLlm();
});
afterEach(() => {
  vi.unstubAllEnvs();
  llm.reset();
});
afterAll(() => llm.close());

const schema = z.object({ reply: z.string(), confidence: z.number().min(0).max(1) });
const GOOD = { reply: 'Hello', confidence: 0.9 };

const openai = (): AiAccount => ({
  provider: 'openai',
  model: 'gpt-4o-mini',
  baseUrl: `${llm.origin}/v1`,
  apiKey: LLM_KEYS.openai,
  owner: 'company',
});
const google = (): AiAccount => ({
  provider: 'google',
  model: 'gemini-2.5-flash',
  baseUrl: `${llm.origin}/v1beta`,
  apiKey: LLM_KEYS.google,
  owner: 'company',
});
const compatible = (): AiAccount => ({ ...openai(), provider: 'compatible', model: 'llama-3.1-8b' });
const VENDORS = [
  ['openai', openai],
  ['google', google],
  ['compatible', compatible],
] as const;

const ask = (account: AiAccount, signal = new AbortController().signal, form: Form = 'json_schema') =>
  askModel(
    account,
    {
      system: 'Answer in JSON.',
      messages: [{ role: 'user', content: 'Hi' }],
      schema,
      form,
      temperature: 0.2,
      maxOutputTokens: 500,
    },
    signal,
  );

test.each(VENDORS)('a redirect takes neither the messages nor the key of %s elsewhere', async (_, account) => {
  const seen: string[] = [];
  const elsewhere = createServer((request, response) => {
    seen.push(`${request.method} ${request.headers.authorization ?? request.headers['x-goog-api-key']}`);
    response.end('{}');
  });
  await new Promise<void>((listening) => elsewhere.listen(0, '127.0.0.1', listening));
  const target = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/v1`;
  const redirecting = createServer((_request, response) => response.writeHead(307, { location: target }).end());
  await new Promise<void>((listening) => redirecting.listen(0, '127.0.0.1', listening));
  const moved = { ...account(), baseUrl: `http://127.0.0.1:${(redirecting.address() as AddressInfo).port}/v1` };
  try {
    expect(await ask(moved)).toMatchObject({
      kind: 'transient',
      message: expect.stringContaining('unexpected redirect'),
    });
    await expect(moderate({ ...moved, apiKey: 'key' }, 'Hi', AbortSignal.timeout(5_000))).rejects.toThrow();
    expect(seen).toEqual([]);
  } finally {
    elsewhere.close();
    redirecting.close();
  }
});

describe.each(VENDORS)('%s', (name, account) => {
  test('answers with what was asked for, with its usage and the model that really answered', async () => {
    llm.script({ kind: 'say', content: GOOD, outputTokens: 12 });
    const answer = await ask(account());
    expect(answer).toMatchObject({
      kind: 'ok',
      value: GOOD,
      usage: { inputTokens: expect.any(Number), outputTokens: 12 },
    });
    expect(answer.snapshot).toBe(name === 'openai' ? 'gpt-4o-mini-2024-07-18' : account().model);
  });

  test('a safety filter that empties the answer is a success to the SDK, and blocked to us', async () => {
    llm.script({ kind: 'content_filter' }, { kind: 'content_filter', content: 'I would' }, { kind: 'content_policy' });
    for (let n = 0; n < 3; n++) expect(await ask(account())).toMatchObject({ kind: 'blocked' });
  });

  test('a refusal in words is blocked, not an unreadable answer', async () => {
    llm.script({ kind: 'refusal', text: "I'm sorry, I can't help with that." });
    expect(await ask(account())).toMatchObject({ kind: 'blocked' });
  });

  test('an empty answer is an outcome of its own, not a reply', async () => {
    llm.script({ kind: 'say', content: '' });
    expect(await ask(account())).toMatchObject({ kind: 'blocked', code: 'empty' });
  });

  test.each([
    ['no JSON', 'Sure! Here is your answer'],
    ['another shape', { answer: 'Hello' }],
    ['a value out of range', { reply: 'Hello', confidence: 7 }],
  ])('%s is unparsable, and the tokens that it cost are known', async (_, content) => {
    llm.script({ kind: 'say', content, outputTokens: 9 });
    expect(await ask(account())).toMatchObject({ kind: 'unparsable', usage: { outputTokens: 9 } });
  });

  test('an answer cut at the output cap is truncated, even if what there is could be read', async () => {
    llm.script({ kind: 'length', content: '{"reply": "Hel' }, { kind: 'length', content: JSON.stringify(GOOD) });
    for (let n = 0; n < 2; n++)
      expect(await ask(account())).toMatchObject({ kind: 'truncated', usage: { inputTokens: expect.any(Number) } });
  });

  test('too quick: the provider says when to come back', async () => {
    llm.script({ kind: 'rate_limit', retryAfterS: 34 });
    expect(await ask(account())).toMatchObject({ kind: 'throttled', retryAfterMs: 34_000, usage: null });
  });

  test('a request larger than a whole minute may hold is too long, and no throttle: it would be so again', async () => {
    llm.script({ kind: 'request_too_large' });
    expect(await ask(account())).toMatchObject({ kind: 'too_long' });
  });

  test('a prompt that the provider flags is blocked: neither the settings nor another try change that', async () => {
    llm.script({ kind: 'invalid_prompt' });
    expect(await ask(account())).toMatchObject({ kind: 'blocked' });
  });

  test.each([
    ['404 with a page', { status: 404, body: '<html><h1>Not Found</h1></html>' }],
    ['405 with a page', { status: 405, body: '<html><h1>Method Not Allowed</h1></html>' }],
    ['400 with a page', { status: 400, body: '<html>The plain HTTP request was sent to HTTPS port</html>' }],
    ['200 with a page', { status: 200, body: '<!doctype html><html><body>Open WebUI</body></html>' }],
  ] as const)('%s is no API: the base URL is wrong', async (_, fault) => {
    llm.faults.add(fault);
    expect(await ask(account())).toMatchObject({ kind: 'config', message: expect.stringContaining('base URL') });
  });

  test.each(['no-scheme.example/v1', 'ftp://ORIGIN/v1', 'https://ORIGIN/v1'])(
    '%s as base URL cannot be called',
    async (baseUrl) => {
      const url = baseUrl.replace('ORIGIN', new URL(llm.origin).host);
      expect(await ask({ ...account(), baseUrl: url })).toMatchObject({ kind: 'config' });
    },
  );

  test('no half character and no NUL comes out of an answer: Postgres refuses both', async () => {
    const odd = 'a\0b\ud83dc';
    llm.script({ kind: 'say', content: { ...GOOD, reply: odd } }, { kind: 'say', content: odd });
    expect(await ask(account())).toMatchObject({ kind: 'ok', value: { reply: 'a\ufffdb\ufffdc' } });
    expect(await ask(account())).toMatchObject({ kind: 'unparsable', text: 'a\ufffdb\ufffdc' });
    llm.script({ kind: 'error', status: 400, body: { error: { message: odd, type: odd, code: odd, status: odd } } });
    expect(JSON.stringify(await ask(account()))).not.toMatch(/\\u0000|\\ud83d/);
  });

  test('no quota left is no throttle: waiting a minute changes nothing', async () => {
    llm.script({ kind: 'insufficient_quota' });
    expect(await ask(account())).toMatchObject({ kind: 'quota' });
  });

  test('more input than the model takes is too long', async () => {
    llm.script({ kind: 'context_length' });
    expect(await ask(account())).toMatchObject({ kind: 'too_long' });
  });

  test('a wrong key is a matter of configuration, and no word of it comes back', async () => {
    const apiKey = 'sk-proj-very-secret-key-0815';
    const answer = await ask({ ...account(), apiKey });
    expect(answer).toMatchObject({ kind: 'config' });
    expect(JSON.stringify(answer)).not.toMatch(/sk-proj|0815|secret/);
  });

  test('an unknown model is a matter of configuration', async () => {
    expect(await ask({ ...account(), model: 'gpt-9' })).toMatchObject({ kind: 'config' });
  });

  test.each([
    ['502 as a page', { status: 502 }],
    ['a reset before', { reset: 'before' }],
    ['a reset after', { reset: 'after' }],
    ['half an answer', { truncate: true }],
  ] as const)('%s is transient and may have cost money', async (_, fault) => {
    llm.faults.add(fault);
    expect(await ask(account())).toMatchObject({ kind: 'transient', unbilled: false });
    expect(llm.calls.length).toBeGreaterThan(0);
  });

  test.each([
    ['500', { status: 500, body: { error: { message: 'The server had an error', type: 'server_error' } } }],
    ['503 as a page', { status: 503 }],
  ] as const)('%s is transient, and is not billed', async (_, fault) => {
    llm.faults.add(fault);
    expect(await ask(account())).toMatchObject({ kind: 'transient', unbilled: true });
  });

  test('a server that is not there is transient, and cost nothing', async () => {
    const gone = await startLlm();
    await gone.close();
    expect(await ask({ ...account(), baseUrl: `${gone.origin}/v1` })).toMatchObject({
      kind: 'transient',
      unbilled: true,
    });
  });

  test('one call is one request, whatever comes of it', async () => {
    const before = llm.calls.length;
    llm.faults.add({ status: 500, times: null });
    await ask(account());
    expect(llm.calls.length - before).toBe(1);
  });

  test('the signal of the job ends the call with its own reason', async () => {
    llm.faults.add({ delayMs: 5_000 });
    const stop = new AbortController();
    const asked = ask(account(), stop.signal);
    stop.abort(new Error('the lease is over'));
    await expect(asked).rejects.toThrow('the lease is over');
  });
});

describe('a server that resembles OpenAI', () => {
  const names = Object.keys(DIALECTS) as DialectName[];

  test.each(names.filter((name) => name !== 'ollama'))(
    '%s: a form that it does not know is told from a wrong question',
    async (dialect) => {
      llm.serve({ dialect, forms: ['text'] });
      for (const form of ['json_schema', 'json_object'] as const)
        expect(await ask(compatible(), undefined, form)).toMatchObject({ kind: 'unsupported' });
      llm.script({ kind: 'say', content: GOOD });
      expect(await ask(compatible(), undefined, 'text')).toMatchObject({ kind: 'ok', value: GOOD });
    },
  );

  test.each(names)('%s: a model that it does not have is a matter of configuration', async (dialect) => {
    llm.serve({ dialect });
    expect(await ask({ ...compatible(), model: 'gpt-9' })).toMatchObject({ kind: 'config' });
  });

  test.each(FORMS)('is asked in the form %s', async (form) => {
    for (const account of [openai(), compatible()]) {
      llm.script({ kind: 'say', content: GOOD });
      expect(await ask(account, undefined, form)).toMatchObject({ kind: 'ok' });
      const { response_format } = JSON.parse(llm.calls.at(-1)?.body ?? '') as { response_format?: { type: string } };
      expect(response_format?.type ?? 'text').toBe(form);
    }
  });

  const json = JSON.stringify(GOOD);
  test.each([
    ['in a code block', `\`\`\`json\n${json}\n\`\`\``],
    ['behind a sentence', `Here you are: ${json}`],
    ['behind thoughts', `<think>{"reply"?}</think>\n${json}`],
  ])('the object %s is read', async (_, content) => {
    llm.script({ kind: 'say', content });
    expect(await ask(compatible(), undefined, 'text')).toMatchObject({ kind: 'ok', value: GOOD });
  });

  test('an answer whose finish reason nobody knows is read all the same', async () => {
    for (const finishReason of ['eos_token', null]) {
      llm.script({ kind: 'say', content: GOOD, finishReason });
      expect(await ask(compatible())).toMatchObject({ kind: 'ok', value: GOOD });
    }
  });
});

describe('usage', () => {
  const chat = (prompt: number | null, completion: number | null, total?: number | null, reasoning?: number) => ({
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: total ?? null,
    completion_tokens_details: reasoning === undefined ? null : { reasoning_tokens: reasoning },
  });
  const gemini = (
    prompt: number,
    candidates: number | undefined,
    total: number,
    thoughts?: number,
    cached?: number,
  ) => ({
    promptTokenCount: prompt,
    candidatesTokenCount: candidates,
    totalTokenCount: total,
    thoughtsTokenCount: thoughts,
    cachedContentTokenCount: cached,
  });
  test.each<[string, () => AiAccount, Record<string, unknown> | null, [number, number] | null]>([
    ['reasoning within the completion', openai, chat(5, 75, 80, 72), [5, 75]],
    ['reasoning beside the completion', compatible, chat(5, 3, 80, 72), [5, 75]],
    ['reasoning that only the total tells of', compatible, chat(5, 3, 80), [5, 75]],
    ['reasoning beside the completion, without a total', compatible, chat(5, 3, null, 72), [5, 75]],
    ['reasoning and no completion', compatible, chat(21, 0, 81, 60), [21, 60]],
    ['a total that is less than its parts', compatible, chat(5, 75, 8), [5, 75]],
    ['a prompt that was not counted, but the total', compatible, chat(null, 3, 80), [0, 80]],
    ['one side only', compatible, chat(null, 3), null],
    ['the other side only', compatible, chat(5, null), null],
    ['noughts', compatible, chat(0, 0, 0), null],
    ['parts of tokens', compatible, chat(5.2, 3.7, 8.9), [6, 4]],
    ['more than a column holds', compatible, chat(5, 1e12, 1e12), [5, 2 ** 31 - 1]],
    ['nothing', compatible, null, null],
    ['thoughts of Gemini', google, gemini(5, 3, 80, 72), [5, 75]],
    ['thoughts of Gemini that only the total tells of', google, gemini(5, 3, 80), [5, 75]],
    ['more from the cache than there was', google, gemini(5, 3, 8, 0, 9), [5, 3]],
  ])('%s', async (_, account, usage, expected) => {
    llm.script({ kind: 'say', content: GOOD, usage });
    const { usage: told } = await ask(account());
    expect(told && [told.inputTokens, told.outputTokens]).toEqual(expected);
    expect(told?.cachedInputTokens ?? 0).toBeLessThanOrEqual(told?.inputTokens ?? 0);
  });
});

describe('error classes', () => {
  const failure = (statusCode: number, data: unknown, responseHeaders: Record<string, string> = {}) =>
    failureOf(
      new APICallError({ message: 'no', url: 'http://x', requestBodyValues: {}, statusCode, data, responseHeaders }),
      null,
    );
  const open = (code: string | null, type = 'invalid_request_error', message = 'm') => ({
    error: { message, type, code },
  });
  const goog = (status: string, details: object[] = [], message = 'm') => ({
    error: { code: 0, message, status, details },
  });
  const quota = (quotaId: string) => ({ '@type': 'google.rpc.QuotaFailure', violations: [{ quotaId }] });

  test.each<[string, number, unknown, string]>([
    ['rate_limit_exceeded', 429, open('rate_limit_exceeded', 'requests'), 'throttled'],
    ['slow_down', 429, open('slow_down'), 'throttled'],
    ['429 without a word', 429, null, 'throttled'],
    ['insufficient_quota', 429, open('insufficient_quota', 'insufficient_quota'), 'quota'],
    ['insufficient_quota as type only', 429, open(null, 'insufficient_quota'), 'quota'],
    ['credit_balance_exhausted', 429, open('credit_balance_exhausted'), 'quota'],
    ['organization_spend_limit_exceeded', 429, open('organization_spend_limit_exceeded'), 'quota'],
    ['project_spend_limit_exceeded', 429, open('project_spend_limit_exceeded'), 'quota'],
    ['organization_usage_limit_exceeded', 429, open('organization_usage_limit_exceeded'), 'quota'],
    ['402', 402, open(null), 'quota'],
    ['Gemini per minute', 429, goog('RESOURCE_EXHAUSTED', [quota('GenerateRequestsPerMinutePerProject')]), 'throttled'],
    ['Gemini without details', 429, goog('RESOURCE_EXHAUSTED'), 'throttled'],
    [
      'Gemini per minute and per day',
      429,
      goog('RESOURCE_EXHAUSTED', [
        quota('GenerateRequestsPerMinute'),
        quota('GenerateRequestsPerDayPerProject-FreeTier'),
      ]),
      'quota',
    ],
    ['content_policy_violation', 400, open('content_policy_violation'), 'blocked'],
    ['context_length_exceeded', 400, open('context_length_exceeded'), 'too_long'],
    [
      'context length in words',
      400,
      open(null, 'BadRequestError', "model's maximum context length is 8192"),
      'too_long',
    ],
    ['Gemini too long', 400, goog('INVALID_ARGUMENT', [], 'The input token count (9) exceeds the maximum'), 'too_long'],
    ['413', 413, null, 'too_long'],
    ['Gemini bad key', 400, goog('INVALID_ARGUMENT', [{ '@type': 'x', reason: 'API_KEY_INVALID' }]), 'config'],
    ['Gemini billing', 400, goog('FAILED_PRECONDITION'), 'config'],
    ['401', 401, open('invalid_api_key'), 'config'],
    ['403', 403, open(null), 'config'],
    ['model_not_found', 404, open('model_not_found'), 'config'],
    ['another 400', 400, open('invalid_value'), 'refused'],
    ['a field of the settings', 400, { error: { ...open('unsupported_value').error, param: 'temperature' } }, 'config'],
    [
      'a field of the messages',
      400,
      { error: { ...open('invalid_value').error, param: 'messages.0.content' } },
      'refused',
    ],
    ['invalid_prompt', 400, open('invalid_prompt'), 'blocked'],
    ['DeepSeek flags', 400, open('invalid_request_error', 'invalid_request_error', 'Content Exists Risk'), 'blocked'],
    [
      'xAI flags with 403',
      403,
      { code: 'permission-denied', error: 'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO' },
      'blocked',
    ],
    [
      'xAI refuses the key',
      403,
      { code: 'permission-denied', error: 'Access to the chat endpoint is denied' },
      'config',
    ],
    [
      'OpenRouter flags with 403',
      403,
      {
        error: {
          code: 403,
          message: 'openai/gpt-4o requires moderation on OpenAI. Your input was flagged for "violence"',
        },
      },
      'blocked',
    ],
    [
      'tokens per minute, within the limit',
      429,
      open(
        'rate_limit_exceeded',
        'tokens',
        'Rate limit reached for gpt-4 on tokens per min (TPM): Limit 10000, Used 8554, Requested 3082. Please try again in 9.8s.',
      ),
      'throttled',
    ],
    [
      'tokens per minute, beyond the limit',
      429,
      open(
        'rate_limit_exceeded',
        'tokens',
        'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 31538.',
      ),
      'too_long',
    ],
    [
      'Anthropic too long',
      400,
      open(null, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
      'too_long',
    ],
    ['Groq could not make JSON of it', 400, open('json_validate_failed'), 'unparsable'],
    ['a gateway that says 200', 200, { error: { code: 502, message: 'Provider returned error' } }, 'transient'],
    ['a gateway that says 200 to no credit', 200, { error: { code: 402, message: 'Insufficient credits' } }, 'quota'],
    ["Google's list for OpenAI's clients", 400, [goog('INVALID_ARGUMENT', [{ reason: 'API_KEY_INVALID' }])], 'config'],
    ['408', 408, null, 'transient'],
    ['409', 409, null, 'transient'],
    ['500', 500, open(null, 'server_error'), 'transient'],
    ['Gemini 503', 503, goog('UNAVAILABLE'), 'transient'],
    ['529', 529, null, 'transient'],
  ])('%s', (_, status, body, kind) => {
    expect(failure(status, body).kind).toBe(kind);
  });

  test.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1_500],
    [{ 'retry-after': new Date(Date.now() - 5_000).toUTCString() }, 0],
    [{ 'retry-after': 'soon' }, null],
    [{}, null],
  ])('Retry-After %j', (headers, retryAfterMs) => {
    expect(failure(429, open('rate_limit_exceeded'), headers as Record<string, string>)).toMatchObject({
      retryAfterMs,
    });
  });

  test('a call that took too long is transient', () => {
    const timeout = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
    expect(failureOf(timeout, null)).toMatchObject({ kind: 'transient', unbilled: false, code: 'TimeoutError' });
  });

  test('an error of the SDK for a socket that broke has no status', () => {
    const cause = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
    const error = new APICallError({ message: 'Cannot connect', url: 'http://x', requestBodyValues: {}, cause });
    expect(failureOf(error, null)).toMatchObject({ kind: 'transient', unbilled: false, code: 'UND_ERR_SOCKET' });
  });
});

describe('the account', () => {
  const NONE = { provider: null, model: null, baseUrl: null, apiKey: null };

  test("the deployment's key never goes to a URL that a company chose", () => {
    vi.stubEnv('OPENAI_API_KEY', 'sk-deployment');
    const account = aiAccount({ ...NONE, provider: 'openai', baseUrl: 'https://evil.example/v1' });
    expect(account).toMatchObject({ baseUrl: 'https://api.openai.com/v1', owner: 'deployment' });
  });

  test("a company's own key goes with its own URL, or to the vendor", () => {
    const own = { ...NONE, provider: 'google' as const, apiKey: 'AIza-own' };
    expect(aiAccount(own)).toMatchObject({ model: 'gemini-2.5-flash', apiKey: 'AIza-own', owner: 'company' });
    expect(aiAccount({ ...own, baseUrl: 'https://proxy.example/v1/' })).toMatchObject({
      baseUrl: 'https://proxy.example/v1',
    });
  });

  test('without key, model or URL there is none', () => {
    for (const name of [
      'OPENAI_API_KEY',
      'GOOGLE_GENERATIVE_AI_API_KEY',
      'AI_BASE_URL',
      'AI_API_KEY',
      'AI_MODEL',
      'AI_PROVIDER',
    ])
      vi.stubEnv(name, '');
    expect(aiAccount(NONE)).toBeNull();
    expect(aiAccount({ ...NONE, provider: 'compatible' })).toBeNull();
    vi.stubEnv('AI_PROVIDER', 'compatible');
    vi.stubEnv('AI_MODEL', 'llama-3.1-8b');
    expect(aiAccount(NONE)).toBeNull();
    vi.stubEnv('AI_BASE_URL', 'http://127.0.0.1:11434/v1');
    expect(aiAccount(NONE)).toMatchObject({ provider: 'compatible', apiKey: null });
  });

  test("AI_MODEL belongs to AI_PROVIDER: a fallback of another vendor is not asked for the first one's model", () => {
    vi.stubEnv('AI_PROVIDER', 'openai');
    vi.stubEnv('AI_MODEL', 'gpt-4.1-mini');
    vi.stubEnv('GOOGLE_GENERATIVE_AI_API_KEY', 'AIza-x');
    expect(aiAccount({ ...NONE, provider: 'google' })).toMatchObject({ model: 'gemini-2.5-flash' });
  });

  test('a variable that cannot be meant is named, without its value', () => {
    vi.stubEnv('OPENAI_API_KEY', 'sk-x');
    vi.stubEnv('OPENAI_BASE_URL', 'not-a-url-sk-secret');
    expect(() => aiAccount({ ...NONE, provider: 'openai' })).toThrow(
      /^OPENAI_BASE_URL: expected an http or https URL, got something else$/,
    );
    vi.stubEnv('AI_PROVIDER', 'anthropic');
    expect(() => aiAccount(NONE)).toThrow('AI_PROVIDER: expected one of openai, google, compatible, got anthropic');
  });
});

describe('moderation', () => {
  const account = () => ({ baseUrl: `${llm.origin}/v1`, apiKey: LLM_KEYS.openai });
  const signal = new AbortController().signal;

  test('names what it flags', async () => {
    llm.flag(/idiot/, 'harassment');
    expect(await moderate(account(), 'you idiot', signal)).toMatchObject({ flagged: ['harassment'] });
    expect(await moderate(account(), 'you are kind', signal)).toMatchObject({ flagged: [] });
  });

  test.each([
    ['500', { status: 500 }],
    ['another shape', { status: 200, body: { results: [] } }],
    ['a reset', { reset: 'after' }],
  ] as const)('%s is an error, never a yes', async (_, fault) => {
    llm.faults.add(fault);
    await expect(moderate(account(), 'hello', signal)).rejects.toThrow();
  });
});
