/** The cheapest call that needs a valid key and a model that exists: it asks for the model's entry, and no model is run. */
import { z } from 'zod';
import { codeOf } from '../failed-call.ts';
import type { AiAccount } from './account.ts';

/** Somebody waits in front of a page. */
const TIMEOUT_MS = 10_000;
/** A server with thousands of models lists them in some 100 KB each; what is behind this is not read. */
const MOST_BYTES = 4 * 1024 * 1024;

const Listed = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Checks an account by a call. Returns the fault in our own words, or null: a vendor's message may quote the key. */
export async function checkAiAccount(account: AiAccount, signal: AbortSignal): Promise<string | null> {
  const { provider, model, baseUrl, apiKey } = account;
  // Many compatible servers list their models and have no entry for each.
  const path = provider === 'compatible' ? 'models' : `models/${encodeURIComponent(model)}`;
  const headers: Record<string, string> =
    apiKey === null ? {} : provider === 'google' ? { 'x-goog-api-key': apiKey } : { authorization: `Bearer ${apiKey}` };
  let response: Response;
  try {
    response = await fetch(`${baseUrl}/${path}`, {
      headers,
      redirect: 'error', // whoever redirects it would get the key
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch (error) {
    return `the server cannot be reached (${codeOf(error)})`;
  }
  if (response.ok) return provider === 'compatible' ? notListed(model, response) : null;
  await response.body?.cancel();
  if (response.status === 404)
    return provider === 'compatible' ? 'the server has no list of models under this URL' : `there is no model ${model}`;
  const isKey =
    response.status === 401 || response.status === 403 || (provider === 'google' && response.status === 400);
  return isKey ? `the key is refused (HTTP ${response.status})` : `the server answers HTTP ${response.status}`;
}

async function notListed(model: string, response: Response): Promise<string | null> {
  if (Number(response.headers.get('content-length') ?? 0) > MOST_BYTES) {
    await response.body?.cancel();
    return null;
  }
  const listed = Listed.safeParse(await response.json().catch(() => null));
  if (!listed.success) return 'the server answers without a list of models';
  const ids = listed.data.data.map(({ id }) => id);
  return ids.includes(model) ? null : `the server has no model ${model}, but ${ids.slice(0, 10).join(', ') || 'none'}`;
}
