/** The model's stand-in keeps to the wire: vendor samples and its own answers fit the same schemas and the same SDK. */
import { createOpenAI } from '@ai-sdk/openai';
import { generateText } from 'ai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { Reply } from '../../lib/ai/ai-generation/draft.ts';
import { ModerationAnswer } from '../../lib/providers/ai/moderation.ts';
import { ChatResponse, GeminiError, GeminiResponse, OpenAiError, ResponsesRequest } from './llm/wire.ts';
import { LLM_KEYS, type Llm, startLlm } from './llm.ts';

let llm: Llm;
beforeAll(async () => {
  llm = await startLlm();
});
afterEach(() => llm.reset());
afterAll(() => llm.close());

/** Written from the vendors' documents. */
const SAMPLES: readonly (readonly [string, z.ZodType, object])[] = [
  [
    'a chat completion',
    ChatResponse,
    {
      id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
      object: 'chat.completion',
      created: 1741569952,
      model: 'gpt-4.1-2025-04-14',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hello! How can I assist you today?', refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 19,
        completion_tokens: 10,
        total_tokens: 29,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      },
      service_tier: 'default',
    },
  ],
  [
    'a Gemini candidate',
    GeminiResponse,
    {
      candidates: [
        { content: { parts: [{ text: 'Hello there' }], role: 'model' }, finishReason: 'STOP', avgLogprobs: -0.1 },
      ],
      usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 715, totalTokenCount: 719 },
      modelVersion: 'gemini-2.5-flash',
    },
  ],
  [
    'a blocked Gemini prompt',
    GeminiResponse,
    {
      promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
      usageMetadata: { promptTokenCount: 38, totalTokenCount: 38 },
      modelVersion: 'gemini-2.5-flash',
    },
  ],
  [
    'an error of OpenAI',
    OpenAiError,
    {
      error: {
        message: 'You exceeded your current quota',
        type: 'insufficient_quota',
        param: null,
        code: 'insufficient_quota',
      },
    },
  ],
  [
    'an error of Gemini',
    GeminiError,
    {
      error: {
        code: 429,
        message: 'You exceeded your current quota',
        status: 'RESOURCE_EXHAUSTED',
        details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.4s' }],
      },
    },
  ],
  [
    'a moderation',
    ModerationAnswer,
    {
      id: 'modr-970d409ef3bef3b70c73d8232df86e7d',
      model: 'omni-moderation-latest',
      results: [{ flagged: true, categories: { violence: true }, category_scores: { violence: 0.98 } }],
    },
  ],
];

test.each(SAMPLES)('%s', (_, schema, sample) => {
  expect(schema.safeParse(sample).error).toBeUndefined();
});

const MESSAGES = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hello' },
];
async function chat(body: object, key: string = LLM_KEYS.openai, path = 'chat/completions') {
  const response = await fetch(`${llm.origin}/v1/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as unknown };
}
async function generate(body: object, key: string | null = LLM_KEYS.google, model = 'gemini-2.5-flash') {
  const response = await fetch(`${llm.origin}/v1beta/models/${model}:generateContent`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key !== null && { 'x-goog-api-key': key }) },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}
const CONTENTS = { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] };

describe('OpenAI', () => {
  const model = 'gpt-4o-mini';

  test.each([
    ['an answer', { kind: 'say', content: 'Hi' }, 'stop'],
    ['a refusal', { kind: 'refusal', text: 'No' }, 'stop'],
    ['a filter', { kind: 'content_filter' }, 'content_filter'],
    ['half an answer', { kind: 'length', content: 'H' }, 'length'],
  ] as const)('%s is a 200 with its finish reason', async (_, answer, finish_reason) => {
    llm.script(answer);
    const { status, body } = await chat({ model, messages: MESSAGES });
    expect(status).toBe(200);
    expect(ChatResponse.parse(body).choices[0]).toMatchObject({ finish_reason });
  });

  test.each([
    ['no key', () => chat({ model, messages: MESSAGES }, ''), 401, null],
    ['a wrong key', () => chat({ model, messages: MESSAGES }, 'sk-wrong-0123456789'), 401, 'invalid_api_key'],
    ['an unknown model', () => chat({ model: 'gpt-9', messages: MESSAGES }), 404, 'model_not_found'],
    ['no messages', () => chat({ model, messages: [] }), 400, 'invalid_value'],
    ['a temperature of 3', () => chat({ model, messages: MESSAGES, temperature: 3 }), 400, 'invalid_value'],
    ['another path', () => chat({}, undefined, 'completions'), 404, 'unknown_url'],
    ['no text to moderate', () => chat({ input: 7 }, undefined, 'moderations'), 400, 'invalid_type'],
  ])('%s is refused in its envelope', async (_, send, expected, code) => {
    const { status, body } = await send();
    expect(status).toBe(expected);
    expect(OpenAiError.parse(body).error.code).toBe(code);
    expect(llm.asked).toEqual([]);
  });

  test('counts its own limit, and says when there is room again', async () => {
    llm.limit(2);
    for (let n = 0; n < 2; n++) expect((await chat({ model, messages: MESSAGES })).status).toBe(200);
    const refused = await chat({ model, messages: MESSAGES });
    expect(refused.status).toBe(429);
    expect(OpenAiError.parse(refused.body).error).toMatchObject({ code: 'rate_limit_exceeded', type: 'requests' });
    const waitS = Number(refused.headers.get('retry-after'));
    expect(waitS).toBeGreaterThan(50);
    llm.clock.advance(waitS * 1000);
    expect((await chat({ model, messages: MESSAGES })).status).toBe(200);
    expect(llm.asked).toHaveLength(3);
  });

  test.each([
    ['says', { kind: 'say', content: 'Hi there' }, 'stop', 'Hi there'],
    ['filters', { kind: 'content_filter' }, 'content-filter', ''],
    ['stops at the cap', { kind: 'length', content: 'Hi' }, 'length', 'Hi'],
  ] as const)('%s the same by its responses, as the SDK reads them', async (_, answer, finishReason, text) => {
    llm.script(answer);
    const openai = createOpenAI({ apiKey: LLM_KEYS.openai, baseURL: `${llm.origin}/v1` });
    const result = await generateText({ model: openai(model), prompt: 'Hello', maxRetries: 0 });
    expect(result).toMatchObject({ finishReason, text, response: { modelId: 'gpt-4o-mini-2024-07-18' } });
    expect(result.usage.inputTokens).toBeGreaterThan(0);
    expect(ResponsesRequest.safeParse(JSON.parse(llm.calls.at(-1)?.body ?? '')).success).toBe(true);
  });

  test('moderates', async () => {
    llm.flag(/hate/, 'hate');
    const { body } = await chat({ model: 'omni-moderation-latest', input: 'I hate it' }, undefined, 'moderations');
    expect(ModerationAnswer.parse(body).results[0]).toMatchObject({
      flagged: true,
      categories: { hate: true, violence: false },
    });
  });
});

describe('Gemini', () => {
  test.each([
    ['an answer', { kind: 'say', content: 'Hi' }, { candidates: [{ finishReason: 'STOP' }] }],
    ['half an answer', { kind: 'length', content: 'H' }, { candidates: [{ finishReason: 'MAX_TOKENS' }] }],
    ['a filtered answer', { kind: 'content_filter', content: 'I' }, { candidates: [{ finishReason: 'SAFETY' }] }],
    ['a blocked prompt', { kind: 'content_policy' }, { promptFeedback: { blockReason: 'SAFETY' } }],
  ] as const)('%s is a 200', async (_, answer, expected) => {
    llm.script(answer);
    const { status, body } = await generate(CONTENTS);
    expect(status).toBe(200);
    expect(GeminiResponse.parse(body)).toMatchObject(expected);
  });

  test.each([
    ['no key', () => generate(CONTENTS, null), 403, 'PERMISSION_DENIED'],
    ['a wrong key', () => generate(CONTENTS, 'AIza-wrong'), 400, 'INVALID_ARGUMENT'],
    ['an unknown model', () => generate(CONTENTS, undefined, 'gemini-9'), 404, 'NOT_FOUND'],
    ['no contents', () => generate({ contents: [] }), 400, 'INVALID_ARGUMENT'],
  ])('%s is refused in its envelope', async (_, send, expected, code) => {
    const { status, body } = await send();
    expect(GeminiError.parse(body).error).toMatchObject({ code: expected, status: code });
    expect(status).toBe(expected);
  });

  test.each([
    [
      'by the minute, with the time to wait',
      { kind: 'rate_limit', retryAfterS: 34.4 },
      /"retryDelay":"34\.4s"/,
      /PerMinute/,
    ],
    ['by the day', { kind: 'insufficient_quota' }, /QuotaFailure/, /PerDay/],
  ] as const)('is exhausted %s', async (_, answer, detail, quotaId) => {
    llm.script(answer);
    const { status, body } = await generate(CONTENTS);
    expect([status, GeminiError.parse(body).error.status]).toEqual([429, 'RESOURCE_EXHAUSTED']);
    expect(JSON.stringify(body)).toMatch(detail);
    expect(JSON.stringify(body)).toMatch(quotaId);
  });
});

test.each([
  ['Hello!', 'greeting', 'en'],
  ['How much is it?', 'price_question', 'en'],
  ['I want to view the villa', 'viewing_request', 'en'],
  ['أبحث عن شقة', 'property_search', 'ar'],
  ['xyzzy', 'other', 'en'],
])('unscripted, it answers «%s» sensibly, in what a reply must be', async (body, intent, language) => {
  const content = `<customer_message>\n${body}\n</customer_message>`;
  const { body: answer } = await chat({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }] });
  const said: unknown = JSON.parse(ChatResponse.parse(answer).choices[0]?.message.content ?? '');
  expect(Reply.parse(said)).toMatchObject({ intent, language });
});

test('it is scripted over HTTP, so that it can run in a process of its own', async () => {
  await fetch(`${llm.origin}/__standin/script`, {
    method: 'POST',
    body: JSON.stringify([{ kind: 'insufficient_quota' }]),
  });
  expect((await chat({ model: 'gpt-4o-mini', messages: MESSAGES })).status).toBe(429);
});
