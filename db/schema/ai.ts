/** Drizzle tables of AI settings, prompts, generations and their cost. The SQL in db/migrations is authoritative. */
import { bigint, boolean, date, integer, jsonb, numeric, pgTable, primaryKey, real, text } from 'drizzle-orm/pg-core';
import { conversations, messages } from './conversations.ts';
import { companies, instant } from './leads-and-imports.ts';

const PROVIDERS = ['openai', 'google', 'compatible'] as const;
const companyId = () =>
  text('company_id')
    .notNull()
    .references(() => companies.id);

export const aiSettings = pgTable('ai_settings', {
  companyId: text('company_id')
    .primaryKey()
    .references(() => companies.id),
  enabled: boolean('enabled').notNull().default(false),
  mode: text('mode', { enum: ['pilot', 'copilot'] })
    .notNull()
    .default('copilot'),
  provider: text('provider', { enum: PROVIDERS }),
  model: text('model'),
  baseUrl: text('base_url'),
  apiKey: text('api_key'),
  fallbackProvider: text('fallback_provider', { enum: PROVIDERS }),
  fallbackModel: text('fallback_model'),
  fallbackBaseUrl: text('fallback_base_url'),
  fallbackApiKey: text('fallback_api_key'),
  promptLabel: text('prompt_label').notNull().default('production'),
  tone: text('tone').notNull().default('friendly and professional'),
  languages: text('languages').array().notNull().default(['en', 'ar']),
  allowedIntents: text('allowed_intents').array(),
  autoSendIntents: text('auto_send_intents').array().notNull().default([]),
  minConfidence: real('min_confidence').notNull().default(0.75),
  maxMessageLength: integer('max_message_length').notNull().default(400),
  maxRiskScore: integer('max_risk_score').notNull().default(30),
  maxMessagesPerDay: integer('max_messages_per_day').notNull().default(100),
  maxConsecutiveReplies: integer('max_consecutive_replies').notNull().default(3),
  escalateKeywords: text('escalate_keywords').array().notNull().default([]),
  dailyBudgetUsd: numeric('daily_budget_usd'),
  monthlyBudgetUsd: numeric('monthly_budget_usd'),
  allowedLinkHosts: text('allowed_link_hosts').array().notNull().default([]),
  allowedContacts: text('allowed_contacts').array().notNull().default([]),
  competitors: text('competitors').array().notNull().default([]),
  moderation: boolean('moderation').notNull().default(false),
  judge: boolean('judge').notNull().default(false),
});

export const prompts = pgTable('prompts', {
  id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  companyId: text('company_id').references(() => companies.id),
  key: text('key').notNull(),
  createdAt: instant('created_at').notNull().defaultNow(),
});

const promptId = () =>
  bigint('prompt_id', { mode: 'bigint' })
    .notNull()
    .references(() => prompts.id);

export const promptVersions = pgTable(
  'prompt_versions',
  {
    promptId: promptId(),
    version: integer('version').notNull(),
    system: text('system').notNull(),
    userTemplate: text('user_template').notNull(),
    variables: text('variables').array().notNull(),
    modelConfig: jsonb('model_config').notNull(),
    checksum: text('checksum').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.promptId, table.version] })],
);

export const promptLabels = pgTable(
  'prompt_labels',
  {
    promptId: promptId(),
    label: text('label').notNull(),
    version: integer('version').notNull(),
    movedBy: text('moved_by').notNull(),
    movedAt: instant('moved_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.promptId, table.label] })],
);

export const promptLabelMoves = pgTable('prompt_label_moves', {
  id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  promptId: promptId(),
  label: text('label').notNull(),
  fromVersion: integer('from_version'),
  toVersion: integer('to_version').notNull(),
  movedBy: text('moved_by').notNull(),
  movedAt: instant('moved_at').notNull().defaultNow(),
});

export const generations = pgTable('generations', {
  id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  companyId: companyId(),
  conversationId: bigint('conversation_id', { mode: 'bigint' })
    .notNull()
    .references(() => conversations.id, { onDelete: 'cascade' }),
  triggerMessageId: bigint('trigger_message_id', { mode: 'bigint' })
    .notNull()
    .references(() => messages.id, { onDelete: 'cascade' }),
  jobId: bigint('job_id', { mode: 'bigint' }),
  status: text('status', {
    enum: [
      'pending',
      'drafted',
      'review',
      'blocked',
      'auto_sent',
      'approved',
      'edited',
      'rejected',
      'skipped',
      'superseded',
      'failed',
    ],
  })
    .notNull()
    .default('pending'),
  reason: text('reason'),
  promptId: bigint('prompt_id', { mode: 'bigint' }),
  promptVersion: integer('prompt_version'),
  provider: text('provider'),
  model: text('model'),
  modelSnapshot: text('model_snapshot'),
  draft: text('draft'),
  edited: text('edited'),
  editedVerdict: jsonb('edited_verdict'),
  intent: text('intent'),
  confidence: real('confidence'),
  language: text('language'),
  sentiment: text('sentiment'),
  verdict: jsonb('verdict'),
  decidedBy: text('decided_by'),
  decidedAt: instant('decided_at'),
  decisionReason: text('decision_reason'),
  messageId: bigint('message_id', { mode: 'bigint' }).references(() => messages.id, { onDelete: 'set null' }),
  createdAt: instant('created_at').notNull().defaultNow(),
  finishedAt: instant('finished_at'),
});

export const modelPrices = pgTable(
  'model_prices',
  {
    provider: text('provider', { enum: PROVIDERS }).notNull(),
    model: text('model').notNull(),
    effectiveAt: instant('effective_at').notNull(),
    inputUsdPerMillion: numeric('input_usd_per_million').notNull(),
    cachedInputUsdPerMillion: numeric('cached_input_usd_per_million').notNull(),
    outputUsdPerMillion: numeric('output_usd_per_million').notNull(),
  },
  (table) => [primaryKey({ columns: [table.provider, table.model, table.effectiveAt] })],
);

export const generationCalls = pgTable('generation_calls', {
  id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  generationId: bigint('generation_id', { mode: 'bigint' })
    .notNull()
    .references(() => generations.id, { onDelete: 'cascade' }),
  companyId: companyId(),
  purpose: text('purpose', { enum: ['reply', 'repair', 'shrink', 'longer', 'judge'] }).notNull(),
  provider: text('provider').notNull(),
  model: text('model').notNull(),
  modelSnapshot: text('model_snapshot'),
  day: date('day').notNull(),
  reservedUsd: numeric('reserved_usd').notNull(),
  inputUsdPerMillion: numeric('input_usd_per_million'),
  cachedInputUsdPerMillion: numeric('cached_input_usd_per_million'),
  outputUsdPerMillion: numeric('output_usd_per_million'),
  startedAt: instant('started_at').notNull().defaultNow(),
  endedAt: instant('ended_at'),
  outcome: text('outcome'),
  finishReason: text('finish_reason'),
  inputTokens: integer('input_tokens'),
  cachedInputTokens: integer('cached_input_tokens'),
  outputTokens: integer('output_tokens'),
  costUsd: numeric('cost_usd'),
  costBy: text('cost_by', { enum: ['usage', 'reservation', 'nothing'] }),
  errorCode: text('error_code'),
  error: text('error'),
});

export const aiSpend = pgTable('ai_spend', {
  companyId: text('company_id')
    .primaryKey()
    .references(() => companies.id),
  day: date('day').notNull(),
  dayUsd: numeric('day_usd').notNull(),
  dayGenerations: integer('day_generations').notNull(),
  month: date('month').notNull(),
  monthUsd: numeric('month_usd').notNull(),
});

export const aiRefusals = pgTable(
  'ai_refusals',
  {
    companyId: companyId(),
    choice: text('choice', { enum: ['primary', 'fallback'] }).notNull(),
    provider: text('provider').notNull(),
    code: text('code').notNull(),
    reason: text('reason').notNull(),
    refusedAt: instant('refused_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.choice] })],
);

export const aiForms = pgTable(
  'ai_forms',
  {
    companyId: companyId(),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    endpoint: text('endpoint').notNull(),
    form: text('form', { enum: ['json_object', 'text'] }).notNull(),
    reason: text('reason').notNull(),
    learnedAt: instant('learned_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.provider, table.model, table.endpoint] })],
);
