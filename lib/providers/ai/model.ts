/** Makes a model of the AI SDK from an account. */
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';
import type { AiAccount } from './account.ts';

/** Whoever redirects a call would get the customer's messages. */
const direct: typeof fetch = (input, init) => fetch(input, { ...init, redirect: 'error' });

type Options = Record<string, Record<string, null | boolean | number | string | { thinkingBudget: number }>>;

/** OpenAI by chat completions, not by responses: those keep what customers wrote for a month unless told otherwise. */
export function languageModel({ provider, model, baseUrl, apiKey }: AiAccount): LanguageModel {
  switch (provider) {
    case 'openai':
      return createOpenAI({ baseURL: baseUrl, apiKey: apiKey ?? '', fetch: direct }).chat(model);
    case 'google':
      return createGoogleGenerativeAI({ baseURL: baseUrl, apiKey: apiKey ?? '', fetch: direct })(model);
    case 'compatible': {
      const options = { name: 'compatible', baseURL: baseUrl, supportsStructuredOutputs: true, fetch: direct };
      return createOpenAICompatible(apiKey === null ? options : { ...options, apiKey })(model);
    }
  }
}

/** Gemini 2.5 Flash thinks within the output cap, and may think all of it away; a reply of two sentences needs none. */
export function providerOptions({ provider, model }: AiAccount): Options {
  if (provider === 'google' && model.startsWith('gemini-2.5-flash'))
    return { google: { thinkingConfig: { thinkingBudget: 0 } } };
  return {};
}
