/** The columns that hold companies' secrets. A new secret is added here, and nothing else reads or writes its column. */

interface Field {
  readonly table: 'company_settings' | 'crm_settings' | 'ai_settings';
  readonly column: string;
  /** `encrypted`: the app sends it out again. `digest`: the app only compares it, so it cannot be read back. */
  readonly kept: 'encrypted' | 'digest';
}

/** The names are part of every ciphertext: renaming one makes its secrets unreadable. Renaming a column does not. */
export const SECRET_FIELDS = {
  'whatsapp.accessToken': { table: 'company_settings', column: 'whatsapp_access_token', kept: 'encrypted' },
  'crm.webhookUrl': { table: 'crm_settings', column: 'webhook_url', kept: 'encrypted' },
  'crm.applicationToken': { table: 'crm_settings', column: 'application_token', kept: 'digest' },
  'ai.apiKey': { table: 'ai_settings', column: 'api_key', kept: 'encrypted' },
  'ai.fallbackApiKey': { table: 'ai_settings', column: 'fallback_api_key', kept: 'encrypted' },
} as const satisfies Readonly<Record<string, Field>>;

export type SecretField = keyof typeof SECRET_FIELDS;
export type EncryptedField = Exclude<SecretField, 'crm.applicationToken'>;
