/** Whose number a company's messages go out from: its own settings, else those of the deployment. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { openCredential } from '../../connections/credential.ts';
import { whatsAppEnvironment } from './environment.ts';
import type { WhatsAppAccount } from './send.ts';

/**
 * Null if neither the company nor the deployment has a number and a token. A company with a number of the deployment's own
 * account leaves the token to it. A token that cannot be decrypted pauses the connection, and the answer is null.
 */
export async function whatsAppAccount(database: Executor, companyId: string): Promise<WhatsAppAccount | null> {
  const { baseUrl, version, phoneNumberId, accessToken } = whatsAppEnvironment();
  const [own] = await database.execute<{ number: string | null; token: string | null }>({
    text: 'select whatsapp_phone_number_id as number, whatsapp_access_token as token from company_settings where company_id = $1',
    params: [companyId],
  });
  const number = own?.number ?? phoneNumberId;
  const connection = { companyId, provider: 'whatsapp' } as const;
  const token = own?.token
    ? await openCredential(database, connection, 'whatsapp.accessToken', own.token)
    : accessToken;
  return number && token ? { baseUrl, version, phoneNumberId: number, accessToken: token } : null;
}
