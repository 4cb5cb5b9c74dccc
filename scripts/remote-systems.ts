/** Starts stand-ins for remote systems whose real keys are missing, and points the app's environment at them. */
import { randomBytes } from 'node:crypto';
import { startBitrix24 } from '../tests/standins/bitrix24.ts';
import type { StandIn } from '../tests/standins/kit/stand-in.ts';
import { LLM_KEYS, startLlm } from '../tests/standins/llm.ts';
import { startWhatsApp } from '../tests/standins/whatsapp.ts';

export interface StandIns {
  /** The environment that lets the app reach them. */
  readonly env: Readonly<Record<string, string>>;
  /** Origin of each stand-in. */
  readonly origins: Origins;
  /** One line for each stand-in, to be printed. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** Origins by the system's name. A system with real keys has none. */
export type Origins = Readonly<Partial<Record<'whatsapp' | 'bitrix24' | 'llm', string>>>;

export interface StandInsOptions {
  /** The app's origin: events are sent there. */
  readonly origin: string;
  /** The first of three ports; default: any free ones. */
  readonly port?: number;
  /** Those of which a key is set here are not stood in for. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const PHONE_NUMBER_ID = '100000000000001';
const ACCOUNT_ID = '200000000000001';
/** A second number of the same account, used by the company of `npm run demo`. */
export const TOUR_NUMBER_ID = '100000000000002';
/** The bodies of the demo's template by language, at Meta and in the seeded company. */
export const DEMO_BODIES = {
  en: 'Hello {{1}}, would you like to see the Palm Residences this week? Reply STOP to opt out.',
  ar: 'مرحبا {{1}}، هل تود زيارة مساكن النخيل هذا الأسبوع؟ أرسل توقف لإلغاء الاشتراك.',
} as const;
/** The template that db:seed gives its company. */
export const DEMO_TEMPLATE = 'viewing_invitation';

/** Starts those whose real keys are not set. All listen on this machine alone, and forget everything when they stop. */
export async function openStandIns({ origin, port, environment }: StandInsOptions): Promise<StandIns> {
  const secret = () => randomBytes(16).toString('hex');
  const portOf = (n: number) => (port === undefined ? {} : { port: port + n });
  const env: Record<string, string> = {};
  const opened: StandIn[] = [];
  if (!environment.WHATSAPP_ACCESS_TOKEN) {
    const [accessToken, appSecret] = [secret(), secret()];
    const whatsapp = await startWhatsApp({
      ...portOf(0),
      accessToken,
      appSecret,
      phoneNumberId: PHONE_NUMBER_ID,
      accountId: ACCOUNT_ID,
      isNumber: (id) => id === TOUR_NUMBER_ID,
      webhookUrl: `${origin}/api/webhooks/whatsapp`,
      templates: Object.entries(DEMO_BODIES).map(([language, text]) => ({
        name: DEMO_TEMPLATE,
        language,
        category: 'MARKETING',
        status: 'APPROVED',
        quality: 'GREEN',
        components: [{ type: 'BODY', text }],
      })),
    });
    opened.push(whatsapp);
    Object.assign(env, {
      WHATSAPP_BASE_URL: whatsapp.origin,
      WHATSAPP_PHONE_NUMBER_ID: PHONE_NUMBER_ID,
      WHATSAPP_ACCOUNT_ID: ACCOUNT_ID,
      WHATSAPP_ACCESS_TOKEN: accessToken,
      WHATSAPP_APP_SECRET: appSecret,
      WHATSAPP_VERIFY_TOKEN: secret(),
    });
  }
  if (!environment.BITRIX24_WEBHOOK_URL) {
    const token = secret();
    const url = `${origin}/api/webhooks/bitrix24`;
    // The database outlives it: an id that it gave out before would be another lead's.
    const firstId = Math.floor(Date.now() / 1_000);
    const bitrix24 = await startBitrix24({ ...portOf(1), firstId, secret: secret(), outgoing: { url, token } });
    opened.push(bitrix24);
    Object.assign(env, { BITRIX24_WEBHOOK_URL: bitrix24.webhookUrl, BITRIX24_APPLICATION_TOKEN: token });
  }
  if (!['OPENAI_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY', 'AI_API_KEY'].some((name) => environment[name])) {
    const llm = await startLlm(portOf(2));
    opened.push(llm);
    Object.assign(env, {
      AI_PROVIDER: 'openai',
      OPENAI_BASE_URL: `${llm.origin}/v1`,
      OPENAI_API_KEY: LLM_KEYS.openai,
    });
  }
  return {
    env,
    origins: Object.fromEntries(opened.map(({ name, origin }) => [name, origin])),
    lines: opened.map(({ name, origin: at }) => `Stand-in  ${name} at ${at} (${at}/__standin/state shows what it has)`),
    stop: async () => {
      await Promise.all(opened.map((standIn) => standIn.close()));
    },
  };
}
