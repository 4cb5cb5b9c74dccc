/** The deployment's own way to a language model. Read when used; companies may bring a provider of their own instead. */
import { z } from 'zod';

export const AI_PROVIDERS = ['openai', 'google', 'compatible'] as const;
export type AiProvider = (typeof AI_PROVIDERS)[number];

/** Models used if neither company nor environment names one. An OpenAI-compatible server has no default. */
const DEFAULT_MODELS = { openai: 'gpt-4o-mini', google: 'gemini-2.5-flash', compatible: null } as const;
const DEFAULT_URLS = {
  openai: 'https://api.openai.com/v1',
  google: 'https://generativelanguage.googleapis.com/v1beta',
  compatible: null,
} as const;

export interface AiEnvironment {
  /** `AI_PROVIDER`, default openai. */
  readonly provider: AiProvider;
  /** `AI_MODEL`, which belongs to that provider. */
  readonly model: string | null;
}

/** Throws an Error that names the variable and what was expected. */
export function aiEnvironment(): AiEnvironment {
  const provider = z.enum(AI_PROVIDERS).safeParse(process.env.AI_PROVIDER || 'openai');
  if (!provider.success)
    throw new Error(`AI_PROVIDER: expected one of ${AI_PROVIDERS.join(', ')}, got ${process.env.AI_PROVIDER}`);
  return { provider: provider.data, model: process.env.AI_MODEL || null };
}

export function defaultModel(provider: AiProvider): string | null {
  const { provider: own, model } = aiEnvironment();
  return (own === provider ? model : null) ?? DEFAULT_MODELS[provider];
}

/** The environment's URL for a provider, without a trailing slash; `null` if none is set and there is no default. */
export function environmentUrl(provider: AiProvider): string | null {
  switch (provider) {
    case 'openai':
      return url('OPENAI_BASE_URL', process.env.OPENAI_BASE_URL) ?? DEFAULT_URLS.openai;
    case 'google':
      return url('GOOGLE_BASE_URL', process.env.GOOGLE_BASE_URL) ?? DEFAULT_URLS.google;
    case 'compatible':
      return url('AI_BASE_URL', process.env.AI_BASE_URL);
  }
}

/** A secret; `null` if unset. */
export function environmentKey(provider: AiProvider): string | null {
  switch (provider) {
    case 'openai':
      return process.env.OPENAI_API_KEY || null;
    case 'google':
      return process.env.GOOGLE_GENERATIVE_AI_API_KEY || null;
    case 'compatible':
      return process.env.AI_API_KEY || null;
  }
}

function url(name: string, value: string | undefined): string | null {
  if (!value) return null;
  const parsed = z.url({ protocol: /^https?$/ }).safeParse(value);
  if (parsed.success) return parsed.data.replace(/\/+$/, '');
  throw new Error(`${name}: expected an http or https URL, got something else`); // not what: it may hold a key
}
