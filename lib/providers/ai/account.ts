/** Chooses the model and key for a company's calls. */
import { type AiProvider, aiEnvironment, defaultModel, environmentKey, environmentUrl } from './environment.ts';

export interface AiAccount {
  readonly provider: AiProvider;
  readonly model: string;
  /** Without a slash at the end. */
  readonly baseUrl: string;
  /** A secret; `null` for a compatible server that asks for none. */
  readonly apiKey: string | null;
  /** Whose limits the calls count against: the company's own key, or the deployment's, which all companies share. */
  readonly owner: 'company' | 'deployment';
}

/** A company's choice of its first provider or its fallback; null means the deployment's. */
export interface AiChoice {
  readonly provider: AiProvider | null;
  readonly model: string | null;
  readonly baseUrl: string | null;
  readonly apiKey: string | null;
}

/**
 * The account for a choice, or `null` if something is missing: a key, a model, or the URL of a compatible server. The deployment's
 * key only ever goes to the deployment's URL: a company that could name the one without the other would read the key.
 */
export function aiAccount(choice: AiChoice): AiAccount | null {
  const provider = choice.provider ?? aiEnvironment().provider;
  const model = choice.model ?? defaultModel(provider);
  if (model === null) return null;
  if (choice.apiKey !== null) {
    const baseUrl = choice.baseUrl?.replace(/\/+$/, '') ?? environmentUrl(provider);
    return baseUrl === null ? null : { provider, model, baseUrl, apiKey: choice.apiKey, owner: 'company' };
  }
  const baseUrl = environmentUrl(provider);
  const apiKey = environmentKey(provider);
  if (baseUrl === null || (apiKey === null && provider !== 'compatible')) return null;
  return { provider, model, baseUrl, apiKey, owner: 'deployment' };
}
