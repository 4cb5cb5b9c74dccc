/** WhatsApp settings of the environment, read at each use. A company's own settings take precedence. */
import { z } from 'zod';

export interface WhatsAppEnvironment {
  readonly baseUrl: string;
  readonly version: string;
  readonly phoneNumberId: string | null;
  readonly accessToken: string | null;
  /** The WhatsApp business account of the number. */
  readonly accountId: string | null;
}

const baseUrl = z.url({ protocol: /^https?$/ }).default('https://graph.facebook.com');
const version = z
  .string()
  .regex(/^v\d+\.\d+$/)
  .default('v25.0');

/** Throws an Error that names the variable for a malformed `WHATSAPP_BASE_URL` or `WHATSAPP_API_VERSION`. */
export function whatsAppEnvironment(): WhatsAppEnvironment {
  const url = baseUrl.safeParse(process.env.WHATSAPP_BASE_URL || undefined);
  if (!url.success) throw new Error('WHATSAPP_BASE_URL: expected an http or https URL');
  const graph = version.safeParse(process.env.WHATSAPP_API_VERSION || undefined);
  if (!graph.success)
    throw new Error(`WHATSAPP_API_VERSION: expected a version like v25.0, got ${process.env.WHATSAPP_API_VERSION}`);
  return {
    baseUrl: url.data.replace(/\/+$/, ''),
    version: graph.data,
    phoneNumberId: process.env.WHATSAPP_PHONE_NUMBER_ID || null,
    accessToken: process.env.WHATSAPP_ACCESS_TOKEN || null,
    accountId: process.env.WHATSAPP_ACCOUNT_ID || null,
  };
}
