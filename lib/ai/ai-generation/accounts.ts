/** Chooses the account to ask first: the company's own choice, or its fallback while the first one refuses the company. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { openCredential } from '../../connections/credential.ts';
import { log } from '../../log.ts';
import { type AiAccount, aiAccount } from '../../providers/ai.ts';
import type { Settings } from './turn.ts';

/** After it a provider that refused is asked first again: quotas are by the day and the month, and keys get mended. */
const REFUSED_MS = 3_600_000;

const KEY_FIELDS = { primary: 'ai.apiKey', fallback: 'ai.fallbackApiKey' } as const;

export interface Candidate {
  readonly choice: 'primary' | 'fallback';
  readonly account: AiAccount;
}

/** None, one or two, the one to ask first in front. A key that cannot be decrypted pauses the connection, and there is none. */
export async function candidates(database: Executor, companyId: string, settings: Settings): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const choice of ['primary', 'fallback'] as const) {
    const chosen = settings[choice];
    if (chosen === null) continue;
    const { apiKey: stored } = chosen;
    const connection = { companyId, provider: 'ai' } as const;
    const apiKey = stored && (await openCredential(database, connection, KEY_FIELDS[choice], stored));
    if (stored !== null && apiKey === null) return [];
    const account = aiAccount({ ...chosen, apiKey });
    if (account) found.push({ choice, account });
  }
  if (found.length < 2) return found;
  const refused = await database.execute<{ choice: string }>({
    text: `
      select choice from ai_refusals
      where company_id = $1 and refused_at > now() - $2::int * interval '1 ms'`,
    params: [companyId, REFUSED_MS],
  });
  const refusing = new Set(refused.map(({ choice }) => choice));
  return found.toSorted((a, b) => Number(refusing.has(a.choice)) - Number(refusing.has(b.choice)));
}

/** It refused the company as a whole: the other is asked first for the next hour. `message` holds no key. */
export async function noteRefusal(
  database: Executor,
  companyId: string,
  { choice, account: { provider } }: Candidate,
  { code, message }: { code: string; message: string },
): Promise<void> {
  const noted = await database.execute({
    text: `
      insert into ai_refusals as r (company_id, choice, provider, code, reason)
      values ($1, $2, $3, $4, $5)
      on conflict (company_id, choice) do update
      set provider = excluded.provider, code = excluded.code, reason = excluded.reason, refused_at = now()
      where r.refused_at < now() - $6::int * interval '1 ms' or r.provider <> excluded.provider
      returning 1`,
    params: [companyId, choice, provider, code, message, REFUSED_MS],
  });
  if (noted.length > 0) log.error({ companyId, provider, code, reason: message }, 'ai_provider_refused');
}
