/** Gemini's generateContent. */
import type { Answer, Call } from '../kit/stand-in.ts';
import { type Asked, type Scripted, tokensOf } from './script.ts';
import { GeminiRequest } from './wire.ts';

export interface GeminiRules {
  readonly apiKey: string;
  readonly models: readonly string[];
  next(asked: Asked): Scripted;
  admit(): number | null;
}

export function gemini(rules: GeminiRules, call: Call): Answer {
  const [, model, asks] = /^\/v1beta\/models\/([\w.-]+)(:generateContent)?$/.exec(call.path) ?? [];
  if (model === undefined) return failed(404, 'NOT_FOUND', 'Requested entity was not found.');
  const key = call.headers['x-goog-api-key'];
  if (key === undefined)
    return failed(403, 'PERMISSION_DENIED', "Method doesn't allow unregistered callers. Please use API Key.");
  if (key !== rules.apiKey)
    return failed(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
      { '@type': `${RPC}ErrorInfo`, reason: 'API_KEY_INVALID', domain: 'googleapis.com' },
    ]);
  if (!rules.models.includes(model))
    return failed(
      404,
      'NOT_FOUND',
      `models/${model} is not found for API version v1beta, or is not supported for generateContent.`,
    );
  if (asks === undefined)
    return { status: 200, body: { name: `models/${model}`, supportedGenerationMethods: ['generateContent'] } };
  const request = GeminiRequest.safeParse(JSON.parse(call.body));
  if (!request.success) {
    const issue = request.error.issues[0];
    return failed(400, 'INVALID_ARGUMENT', `Invalid value at '${issue?.path.join('.')}': ${issue?.message}`);
  }
  const waitS = rules.admit();
  if (waitS !== null) return tooMany(waitS);
  const { contents, systemInstruction } = request.data;
  const asked = {
    system: textOf(systemInstruction?.parts ?? []),
    last: textOf(contents.findLast(({ role }) => role !== 'model')?.parts ?? []),
  };
  const input = tokensOf(JSON.stringify(contents) + asked.system);
  return answer(rules.next(asked), model, input);
}

const RPC = 'type.googleapis.com/google.rpc.';

function answer(scripted: Scripted, model: string, input: number): Answer {
  switch (scripted.kind) {
    case 'say': {
      const { content } = scripted;
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      const answered = generated(model, input, text, 'STOP', scripted.outputTokens);
      if (scripted.usage === undefined) return answered;
      const { usageMetadata, ...rest } = answered.body as { usageMetadata: object };
      return { ...answered, body: scripted.usage === null ? rest : { ...rest, usageMetadata: scripted.usage } };
    }
    case 'length':
      return generated(model, input, scripted.content, 'MAX_TOKENS');
    case 'content_filter':
      return scripted.content === ''
        ? blocked(model, input, 'PROHIBITED_CONTENT')
        : generated(model, input, scripted.content, 'SAFETY');
    case 'refusal':
      return generated(model, input, '', 'SAFETY');
    case 'content_policy':
    case 'invalid_prompt':
      return blocked(model, input, 'SAFETY');
    case 'error':
      return { status: scripted.status, body: scripted.body };
    case 'rate_limit':
      return tooMany(scripted.retryAfterS);
    case 'insufficient_quota':
      return exhausted('GenerateRequestsPerDayPerProjectPerModel', 3_600);
    case 'context_length':
    case 'request_too_large':
      return failed(
        400,
        'INVALID_ARGUMENT',
        'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
      );
  }
}

function generated(model: string, input: number, text: string, finishReason: string, tokens?: number): Answer {
  const output = tokens ?? (text === '' ? 0 : tokensOf(text));
  const content = text === '' ? {} : { content: { role: 'model', parts: [{ text }] } };
  return {
    status: 200,
    body: {
      candidates: [{ ...content, finishReason, index: 0, safetyRatings: [] }],
      usageMetadata: { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output },
      modelVersion: model,
      responseId: 'standin',
    },
  };
}

function blocked(model: string, input: number, blockReason: string): Answer {
  const usageMetadata = { promptTokenCount: input, totalTokenCount: input };
  return { status: 200, body: { promptFeedback: { blockReason }, usageMetadata, modelVersion: model } };
}

function tooMany(waitS: number): Answer {
  return exhausted('GenerateRequestsPerMinutePerProjectPerModel', waitS);
}

function exhausted(quotaId: string, waitS: number): Answer {
  const message = 'You exceeded your current quota, please check your plan and billing details.';
  return failed(429, 'RESOURCE_EXHAUSTED', message, [
    {
      '@type': `${RPC}QuotaFailure`,
      violations: [{ quotaMetric: 'generativelanguage.googleapis.com/generate_requests', quotaId }],
    },
    { '@type': `${RPC}Help`, links: [] },
    { '@type': `${RPC}RetryInfo`, retryDelay: `${waitS}s` },
  ]);
}

function failed(code: number, status: string, message: string, details?: readonly object[]): Answer {
  return { status: code, body: { error: { code, message, status, ...(details && { details }) } } };
}

function textOf(parts: readonly { readonly text: string }[]): string {
  return parts.map(({ text }) => text).join('');
}
