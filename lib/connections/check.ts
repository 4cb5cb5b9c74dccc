/** Looks whether a company's connection works: one cheap call with its credentials, made also while the connection is paused. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { aiAccount } from '../providers/ai/account.ts';
import { checkAiAccount } from '../providers/ai/check.ts';
import type { AiProvider } from '../providers/ai/environment.ts';
import { bitrix24WebhookUrl } from '../providers/bitrix24/environment.ts';
import { call, Portal } from '../providers/bitrix24.ts';
import { checkCredentials, whatsAppAccount } from '../providers/whatsapp.ts';
import { SecretError } from '../secrets/environment.ts';
import { openSecret } from '../secrets/seal.ts';
import type { Connection } from './provider.ts';

/**
 * Checks a connection's credentials at the remote system. Returns the fault in words for an operator, or null. Changes nothing
 * there. A secret that no key opens pauses the connection here, as its use would.
 */
export async function checkConnection(
  database: Executor,
  { companyId, provider }: Connection,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    return await CHECKS[provider](database, companyId, signal);
  } catch (error) {
    if (error instanceof SecretError) return error.message;
    throw error;
  }
}

type Check = (database: Executor, companyId: string, signal: AbortSignal) => Promise<string | null>;

const CHECKS: Readonly<Record<Connection['provider'], Check>> = {
  async whatsapp(database, companyId, signal) {
    const account = await whatsAppAccount(database, companyId);
    if (account === null) return 'neither the company nor the deployment has a number and a token that can be read';
    return checkCredentials(account, signal);
  },
  /** Needs the right `crm`, as all that is done with the portal does. */
  async bitrix24(database, companyId, signal) {
    const [row] = await database.execute<{ url: string | null }>({
      text: 'select webhook_url as url from crm_settings where company_id = $1',
      params: [companyId],
    });
    const url = openSecret('crm.webhookUrl', companyId, row?.url ?? null) ?? bitrix24WebhookUrl();
    if (url === null) return 'neither the company nor the deployment has a webhook of a portal';
    const called = await call(new Portal(url), { method: 'crm.item.fields', params: { entityTypeId: 1 } }, { signal });
    return called.kind === 'done' ? null : called.error.message;
  },
  async ai(database, companyId, signal) {
    const [row] = await database.execute<Model>({ text: MODEL, params: [companyId] });
    const apiKey = openSecret('ai.apiKey', companyId, row?.api_key ?? null);
    const account = aiAccount({
      provider: row?.provider ?? null,
      model: row?.model ?? null,
      baseUrl: row?.base_url ?? null,
      apiKey,
    });
    if (account === null) return 'a key, a model or the URL of a compatible server is missing';
    return checkAiAccount(account, signal);
  },
};

interface Model {
  provider: AiProvider | null;
  model: string | null;
  base_url: string | null;
  api_key: string | null;
}

const MODEL = 'select provider, model, base_url, api_key from ai_settings where company_id = $1';
