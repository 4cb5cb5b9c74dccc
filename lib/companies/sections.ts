/** The settings of a company, in the sections in which it is changed: one form, one statement, one line in the audit log. */
import { isTimeZone } from '../campaigns/campaign-send/zones.ts';
import { isCountry } from '../phone/index.ts';
import { SECRET_FIELDS, type SecretField } from '../secrets/fields.ts';
import { choice, flag, list, number, type Setting, text } from './setting.ts';

export interface Section {
  readonly title: string;
  readonly table: 'companies' | 'company_settings' | 'crm_settings' | 'ai_settings';
  readonly settings: Readonly<Record<string, Setting>>;
  readonly secrets: Readonly<Record<string, Secret>>;
}

export interface Secret {
  readonly field: SecretField;
  readonly label: string;
  readonly hint: string;
  readonly isValid: (secret: string) => boolean;
  /** Completes «expected …». */
  readonly words: string;
}

const META_ID = { most: 64, pattern: /^[\w-]+$/, words: "Meta's id, as in 106540352242922", optional: true } as const;
const AI = [
  ['openai', 'OpenAI'],
  ['google', 'Google'],
  ['compatible', 'OpenAI-compatible server'],
] as const;

/** Tokens and keys are sent in a header. */
const isHeaderText = (secret: string) => /^[\x21-\x7e]{8,4000}$/.test(secret);
const TOKEN_WORDS = '8 to 4,000 visible ASCII characters';

/** Without TLS a key could be read on its way; a server on this machine needs none. */
export function isSafeUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(given);
  const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  const isPlain = username === '' && password === '' && search === '' && hash === '';
  return isPlain && (protocol === 'https:' || (protocol === 'http:' && isHere));
}

function isPortalUrl(given: string): boolean {
  return isSafeUrl(given) && /^\/rest\/\d{1,18}\/\w{1,200}\/?$/.test(new URL(given).pathname);
}

const URL_RULE = {
  most: 500,
  words: 'an https URL without user and query, as in https://llm.example/v1',
  check: isSafeUrl,
  optional: true,
} as const;
const MODEL_RULE = { most: 200, pattern: /^[\w./:@-]+$/, words: 'the name of a model', optional: true } as const;
const KEY_HINT = 'Enter it again whenever provider or URL change.';

export const SECTIONS = {
  company: {
    title: 'Company',
    table: 'companies',
    settings: {
      name: text({ label: 'Name', column: 'name' }, { most: 200 }),
      country: text(
        {
          label: 'Country',
          hint: 'Local phone numbers are read as numbers of this country.',
          column: 'default_country',
          initial: 'AE',
        },
        { most: 2, words: 'a country of ISO 3166, as in AE', check: (code) => isCountry(code) },
      ),
    },
    secrets: {},
  },
  messaging: {
    title: 'WhatsApp and messages',
    table: 'company_settings',
    settings: {
      timeZone: text(
        {
          label: 'Time zone',
          hint: 'Of people whose own zone is not known. Quiet hours follow it.',
          column: 'time_zone',
          initial: 'Asia/Dubai',
        },
        { most: 60, words: 'an IANA time zone, as in Asia/Dubai', check: isTimeZone },
      ),
      phoneNumberId: text(
        {
          label: 'Phone number id',
          hint: 'The id that Meta gave the number, not the number. Empty: the number of the deployment.',
          column: 'whatsapp_phone_number_id',
        },
        META_ID,
      ),
      accountId: text({ label: 'Business account id (WABA)', column: 'whatsapp_account_id' }, META_ID),
      portfolioId: text(
        {
          label: 'Portfolio id',
          hint: 'Companies with the same one share its limit of people.',
          column: 'whatsapp_portfolio_id',
        },
        META_ID,
      ),
      perSecond: number(
        { label: 'Messages a second', hint: 'Meta allows 80 a number.', column: 'whatsapp_per_second', initial: 20 },
        { type: 'real', from: 1, to: 1_000 },
      ),
      dailyPeople: number(
        {
          label: 'New people in 24 hours',
          hint: "Meta's limit of the portfolio. Empty: none.",
          column: 'whatsapp_daily_people',
        },
        { type: 'int', from: 1, to: 1_000_000_000, optional: true },
      ),
      optOutKeywords: list(
        {
          label: 'Opt-out words',
          hint: 'One a line. Each counts when it is the whole message.',
          column: 'opt_out_keywords',
          initial: ['stop', 'unsubscribe', 'opt out', 'إلغاء', 'توقف', 'الغاء الاشتراك'],
        },
        { most: 100, entries: 100 },
      ),
      optOutConfirmation: text(
        { label: 'Answer to an opt-out', hint: 'Sent once. Empty: nothing is sent.', column: 'opt_out_confirmation' },
        { most: 1_024, optional: true, area: true },
      ),
    },
    secrets: {
      accessToken: {
        field: 'whatsapp.accessToken',
        label: 'Access token',
        hint: "Of a system user of Meta. Not set: the deployment's token is used.",
        isValid: isHeaderText,
        words: TOKEN_WORDS,
      },
    },
  },
  crm: {
    title: 'Bitrix24',
    table: 'crm_settings',
    settings: {
      duplicatePolicy: choice(
        { label: 'A lead that the portal knows already', column: 'duplicate_policy', initial: 'link' },
        [
          ['link', 'is linked with it'],
          ['create', 'is created beside it'],
          ['skip', 'is left out'],
        ],
      ),
      portalEdits: choice({ label: 'What people change in the portal', column: 'portal_edits', initial: 'take' }, [
        ['take', 'is taken over here'],
        ['keep', 'stays there, and ours stays here'],
      ]),
      importsLeads: flag({ label: 'Leads made in the portal become leads here', column: 'imports_leads' }),
      syncImports: flag({ label: 'Imported leads go to the portal', column: 'sync_imports' }),
      sourceId: text({ label: 'Source of new leads', column: 'source_id' }, { most: 100, optional: true }),
      stageId: text({ label: 'Stage of new leads', column: 'stage_id' }, { most: 100, optional: true }),
      assignedById: number(
        { label: 'Responsible user, by id', column: 'assigned_by_id' },
        { type: 'bigint', from: 1, to: Number.MAX_SAFE_INTEGER, optional: true },
      ),
      perSecond: number(
        { label: 'Requests a second', hint: '2; Enterprise 5.', column: 'per_second', initial: 2 },
        { type: 'real', from: 0.1, to: 100 },
      ),
      burst: number(
        { label: 'Burst of requests', hint: '50; Enterprise 250.', column: 'burst', initial: 50 },
        { type: 'int', from: 1, to: 1_000 },
      ),
    },
    secrets: {
      webhookUrl: {
        field: 'crm.webhookUrl',
        label: 'Incoming webhook',
        hint: 'https://{portal}/rest/{user}/{secret}/: the whole URL is the secret.',
        isValid: isPortalUrl,
        words: 'https://{portal}/rest/{user}/{secret}/',
      },
      applicationToken: {
        field: 'crm.applicationToken',
        label: 'Token of the outgoing webhook',
        hint: 'Events from the portal prove themselves by it.',
        isValid: isHeaderText,
        words: TOKEN_WORDS,
      },
    },
  },
  model: {
    title: 'Language model',
    table: 'ai_settings',
    settings: {
      provider: choice({ label: 'Provider', column: 'provider' }, AI, { optional: 'as the deployment says' }),
      model: text({ label: 'Model', column: 'model' }, MODEL_RULE),
      baseUrl: text({ label: 'URL', hint: 'Only with a key of its own.', column: 'base_url' }, URL_RULE),
      fallbackProvider: choice({ label: 'Fallback: provider', column: 'fallback_provider' }, AI, { optional: 'none' }),
      fallbackModel: text({ label: 'Fallback: model', column: 'fallback_model' }, MODEL_RULE),
      fallbackBaseUrl: text({ label: 'Fallback: URL', column: 'fallback_base_url' }, URL_RULE),
    },
    secrets: {
      apiKey: { field: 'ai.apiKey', label: 'Key', hint: KEY_HINT, isValid: isHeaderText, words: TOKEN_WORDS },
      fallbackApiKey: {
        field: 'ai.fallbackApiKey',
        label: 'Fallback: key',
        hint: KEY_HINT,
        isValid: isHeaderText,
        words: TOKEN_WORDS,
      },
    },
  },
  replies: {
    title: 'Drafted replies',
    table: 'ai_settings',
    settings: {
      enabled: flag({ label: 'A model drafts replies', column: 'enabled' }),
      mode: choice({ label: 'Drafts', column: 'mode', initial: 'copilot' }, [
        ['copilot', 'wait for a person'],
        ['pilot', 'may be sent without one'],
      ]),
      tone: text({ label: 'Tone', column: 'tone', initial: 'friendly and professional' }, { most: 200 }),
      languages: list(
        { label: 'Languages', hint: 'ISO 639-1, one a line.', column: 'languages', initial: ['en', 'ar'] },
        { most: 2, entries: 20, least: 1, pattern: /^[a-z]{2}$/, words: 'two small letters, as in en' },
      ),
      promptLabel: text(
        { label: 'Prompt label', column: 'prompt_label', initial: 'production' },
        { most: 64, pattern: /^[\w-]+$/, words: "letters, digits, '_' or '-'" },
      ),
      autoSendIntents: list(
        { label: 'Intents that are sent without a person', hint: 'One a line.', column: 'auto_send_intents' },
        { most: 100, entries: 200 },
      ),
      minConfidence: number(
        { label: 'Least confidence', hint: '0 to 1.', column: 'min_confidence', initial: 0.75 },
        { type: 'real', from: 0, to: 1 },
      ),
      maxRiskScore: number(
        { label: 'Most risk', hint: '0 to 100.', column: 'max_risk_score', initial: 30 },
        { type: 'int', from: 0, to: 100 },
      ),
      maxMessageLength: number(
        { label: 'Longest reply, in characters', column: 'max_message_length', initial: 400 },
        { type: 'int', from: 20, to: 4_096 },
      ),
      maxMessagesPerDay: number(
        { label: 'Messages a day that a model is asked about', column: 'max_messages_per_day', initial: 100 },
        { type: 'int', from: 0, to: 1_000_000 },
      ),
      maxConsecutiveReplies: number(
        { label: 'Replies in a row without a person', column: 'max_consecutive_replies', initial: 3 },
        { type: 'int', from: 0, to: 20 },
      ),
      dailyBudgetUsd: number(
        { label: 'Budget a day, USD', hint: 'Empty: none.', column: 'daily_budget_usd' },
        { type: 'numeric', from: 0, to: 1_000_000, optional: true },
      ),
      monthlyBudgetUsd: number(
        { label: 'Budget a month, USD', hint: 'Empty: none.', column: 'monthly_budget_usd' },
        { type: 'numeric', from: 0, to: 10_000_000, optional: true },
      ),
      escalateKeywords: list(
        {
          label: 'Words that call a person',
          hint: 'One a line.',
          column: 'escalate_keywords',
          initial: ['human', 'agent', 'manager', 'complaint', 'lawyer', 'مدير', 'شكوى', 'موظف'],
        },
        { most: 100, entries: 200 },
      ),
      allowedLinkHosts: list(
        {
          label: 'Hosts that replies may link',
          hint: 'One a line, with their subdomains.',
          column: 'allowed_link_hosts',
        },
        { most: 253, entries: 200, pattern: /^[\p{L}\p{N}.-]+$/u, words: 'a host, as in shop.example' },
      ),
      allowedContacts: list(
        { label: 'Phones and e-mail addresses that replies may name', hint: 'One a line.', column: 'allowed_contacts' },
        { most: 254, entries: 200 },
      ),
      competitors: list(
        { label: 'Competitors', hint: 'One a line.', column: 'competitors' },
        { most: 100, entries: 200 },
      ),
      moderation: flag({ label: 'Messages are moderated first', column: 'moderation' }),
      judge: flag({ label: 'A second call judges each draft', column: 'judge' }),
    },
    secrets: {},
  },
} as const satisfies Readonly<Record<string, Section>>;

export type SectionName = keyof typeof SECTIONS;
export const SECTION_NAMES = Object.keys(SECTIONS) as [SectionName, ...SectionName[]];

export const sectionOf = (name: SectionName): Section => SECTIONS[name];

/** The column of a secret. */
export const columnOf = ({ field }: Secret): string => SECRET_FIELDS[field].column;
