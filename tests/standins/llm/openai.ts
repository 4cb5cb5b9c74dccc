/** OpenAI's three endpoints: chat completions, responses, moderations. */
import type { z } from 'zod';
import type { Answer, Call } from '../kit/stand-in.ts';
import { type AnswerForm, DIALECTS, type DialectName } from './dialects.ts';
import type { Asked, Scripted } from './script.ts';
import { tokensOf } from './script.ts';
import { ChatRequest, ResponsesRequest } from './wire.ts';

export interface OpenAiRules {
  readonly apiKey: string;
  readonly models: readonly string[];
  /** The server that it imitates, and the forms of answer that it knows. */
  readonly dialect: DialectName;
  readonly forms: readonly AnswerForm[];
  next(asked: Asked): Scripted;
  /** Categories that the moderation endpoint flags in a text. */
  flags(text: string): readonly string[];
  /** Null if this request is within the limit; else seconds to wait. */
  admit(): number | null;
}

export function openAi(rules: OpenAiRules, call: Call): Answer {
  if (call.headers.authorization !== `Bearer ${rules.apiKey}`) {
    const shown = (call.headers.authorization ?? '').replace(/^Bearer ?/, '');
    return shown === ''
      ? failed(401, "You didn't provide an API key.", 'invalid_request_error', null)
      : failed(401, `Incorrect API key provided: ${masked(shown)}.`, 'invalid_request_error', 'invalid_api_key');
  }
  if (call.method === 'GET' && /^\/v1\/models(\/|$)/.test(call.path))
    return models(rules, call.path.slice('/v1/models/'.length));
  if (call.method !== 'POST')
    return failed(405, `Not allowed to ${call.method} on ${call.path}`, 'invalid_request_error', null);
  const body = parsed(call.body);
  switch (call.path) {
    case '/v1/chat/completions':
      return chat(rules, body);
    case '/v1/responses':
      return responses(rules, body);
    case '/v1/moderations':
      return moderations(rules, body);
    default:
      return failed(404, `Unknown request URL: ${call.method} ${call.path}.`, 'invalid_request_error', 'unknown_url');
  }
}

/** The list, or the entry of one. Free, and outside the limit. */
function models({ models: known, dialect }: OpenAiRules, id: string): Answer {
  const entry = (model: string) => ({ id: model, object: 'model', created: 1_790_000_000, owned_by: 'system' });
  if (id === '') return { status: 200, body: { object: 'list', data: known.map(entry) } };
  return known.includes(id) ? { status: 200, body: entry(id) } : DIALECTS[dialect].noModel(id);
}

let serial = 0;

function chat(rules: OpenAiRules, body: unknown): Answer {
  const request = ChatRequest.safeParse(body);
  if (!request.success) return invalid(request.error);
  const { model, messages, response_format } = request.data;
  const refused = admitted(rules, model) ?? unformed(rules, response_format?.type ?? 'text');
  if (refused) return refused;
  const asked = {
    system: messages
      .filter(({ role }) => role === 'system' || role === 'developer')
      .map(({ content }) => content)
      .join('\n'),
    last: messages.findLast(({ role }) => role === 'user')?.content ?? '',
  };
  const outcome = outcomeOf(rules.next(asked));
  if ('status' in outcome) return outcome;
  const { content, refusal, finish } = outcome;
  const input = tokensOf(messages.map((message) => message.content).join(''));
  const output = outcome.outputTokens ?? tokensOf(content ?? refusal ?? '');
  return {
    status: 200,
    body: {
      id: `chatcmpl-standin${++serial}`,
      object: 'chat.completion',
      created: 1_790_000_000,
      model: snapshot(model),
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content, refusal, annotations: [] },
          logprobs: null,
          finish_reason: outcome.finishReason === undefined ? finish : outcome.finishReason,
        },
      ],
      ...(outcome.usage !== null && {
        usage: outcome.usage ?? {
          prompt_tokens: input,
          completion_tokens: output,
          total_tokens: input + output,
          prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
        },
      }),
      service_tier: 'default',
    },
  };
}

function responses(rules: OpenAiRules, body: unknown): Answer {
  const request = ResponsesRequest.safeParse(body);
  if (!request.success) return invalid(request.error);
  const { model, input } = request.data;
  const refused = admitted(rules, model);
  if (refused) return refused;
  const texts = typeof input === 'string' ? [input] : input.map((item) => JSON.stringify(item));
  const outcome = outcomeOf(rules.next({ system: texts[0] ?? '', last: texts.at(-1) ?? '' }));
  if ('status' in outcome) return outcome;
  const { content, refusal, finish } = outcome;
  const part =
    refusal === null
      ? { type: 'output_text', text: content ?? '', annotations: [], logprobs: [] }
      : { type: 'refusal', refusal };
  const reason = { length: 'max_output_tokens', content_filter: 'content_filter', stop: null }[finish];
  const inputTokens = tokensOf(texts.join(''));
  const outputTokens = outcome.outputTokens ?? tokensOf(content ?? refusal ?? '');
  return {
    status: 200,
    body: {
      id: `resp_standin${++serial}`,
      object: 'response',
      created_at: 1_790_000_000,
      status: reason === null ? 'completed' : 'incomplete',
      error: null,
      incomplete_details: reason === null ? null : { reason },
      model: snapshot(model),
      output: [{ id: `msg_${serial}`, type: 'message', status: 'completed', role: 'assistant', content: [part] }],
      usage: {
        input_tokens: inputTokens,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: outputTokens,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: inputTokens + outputTokens,
      },
    },
  };
}

function moderations(rules: OpenAiRules, body: unknown): Answer {
  const { input, model = 'omni-moderation-latest' } = (body ?? {}) as { input?: unknown; model?: string };
  if (typeof input !== 'string')
    return failed(400, "Invalid type for 'input'.", 'invalid_request_error', 'invalid_type');
  const flagged = rules.flags(input);
  const names = ['harassment', 'hate', 'illicit', 'self-harm', 'sexual', 'violence'];
  const results = [
    {
      flagged: flagged.length > 0,
      categories: Object.fromEntries(names.map((name) => [name, flagged.includes(name)])),
      category_scores: Object.fromEntries(names.map((name) => [name, flagged.includes(name) ? 0.97 : 0.001])),
      category_applied_input_types: Object.fromEntries(names.map((name) => [name, ['text']])),
    },
  ];
  return { status: 200, body: { id: `modr-standin${++serial}`, model, results } };
}

function unformed({ dialect, forms }: OpenAiRules, form: AnswerForm): Answer | null {
  if (forms.includes(form) || dialect === 'ollama') return null; // which ignores what it does not know
  return DIALECTS[dialect].noForm(form, forms);
}

function admitted({ admit, models, dialect }: OpenAiRules, model: string): Answer | null {
  if (!models.includes(model)) return DIALECTS[dialect].noModel(model);
  const waitS = admit();
  return waitS === null ? null : rateLimited(waitS);
}

interface Said {
  readonly content: string | null;
  readonly refusal: string | null;
  readonly finish: 'stop' | 'length' | 'content_filter';
  readonly outputTokens?: number | undefined;
  readonly usage?: object | null | undefined;
  readonly finishReason?: string | null | undefined;
}

function outcomeOf(scripted: Scripted): Said | Answer {
  switch (scripted.kind) {
    case 'say': {
      const { content, outputTokens, usage, finishReason } = scripted;
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      return { content: text, refusal: null, finish: 'stop', outputTokens, usage, finishReason };
    }
    case 'refusal':
      return { content: null, refusal: scripted.text, finish: 'stop' };
    case 'content_filter':
      return { content: scripted.content, refusal: null, finish: 'content_filter' };
    case 'length':
      return { content: scripted.content, refusal: null, finish: 'length' };
    case 'rate_limit':
      return rateLimited(scripted.retryAfterS);
    case 'insufficient_quota':
      return failed(
        429,
        'You exceeded your current quota, please check your plan and billing details.',
        'insufficient_quota',
        'insufficient_quota',
      );
    case 'context_length':
      return failed(
        400,
        "This model's maximum context length is 128000 tokens.",
        'invalid_request_error',
        'context_length_exceeded',
        'messages',
      );
    case 'content_policy':
      return failed(
        400,
        'Your request was rejected as a result of our safety system.',
        'invalid_request_error',
        'content_policy_violation',
      );
    case 'invalid_prompt':
      return failed(
        400,
        'Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt: https://platform.openai.com/docs/guides/reasoning#advice-on-prompting',
        'invalid_request_error',
        'invalid_prompt',
      );
    case 'request_too_large':
      return failed(
        429,
        'Request too large for gpt-4o-mini in organization org-standin on tokens per min (TPM): Limit 30000, Requested 31538. The input or output tokens must be reduced in order to run successfully. Visit https://platform.openai.com/account/rate-limits to learn more.',
        'tokens',
        'rate_limit_exceeded',
      );
    case 'error':
      return { status: scripted.status, body: scripted.body };
  }
}

function rateLimited(waitS: number): Answer {
  const answer = failed(
    429,
    `Rate limit reached for requests per min (RPM). Please try again in ${waitS}s.`,
    'requests',
    'rate_limit_exceeded',
  );
  return { ...answer, headers: { 'retry-after': String(Math.ceil(waitS)) } };
}

function invalid(error: z.ZodError): Answer {
  const issue = error.issues[0];
  return failed(
    400,
    `Invalid value for '${issue?.path.join('.')}': ${issue?.message}`,
    'invalid_request_error',
    'invalid_value',
    issue?.path.join('.') ?? null,
  );
}

function failed(
  status: number,
  message: string,
  type: string,
  code: string | null,
  param: string | null = null,
): Answer {
  return { status, body: { error: { message, type, param, code } } };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** As OpenAI does: the key comes back in the error, half covered. */
function masked(key: string): string {
  return key.length < 12 ? '*'.repeat(key.length) : `${key.slice(0, 7)}${'*'.repeat(key.length - 11)}${key.slice(-4)}`;
}

function snapshot(model: string): string {
  return model === 'gpt-4o-mini' ? 'gpt-4o-mini-2024-07-18' : model;
}
