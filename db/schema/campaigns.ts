/** Templates, campaigns and their recipients for drizzle. The SQL in db/migrations decides. */
import {
  bigint,
  boolean,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  real,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { companies, instant, leads } from './leads-and-imports.ts';

export const templates = pgTable(
  'templates',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    name: text('name').notNull(),
    language: text('language').notNull(),
    category: text('category', { enum: ['MARKETING', 'UTILITY', 'AUTHENTICATION'] }).notNull(),
    status: text('status', { enum: ['PENDING', 'APPROVED', 'REJECTED', 'PAUSED', 'DISABLED', 'DELETED'] })
      .notNull()
      .default('PENDING'),
    body: text('body').notNull(),
    parameterFormat: text('parameter_format', { enum: ['POSITIONAL', 'NAMED'] })
      .notNull()
      .default('POSITIONAL'),
    parameters: jsonb('parameters').notNull().default([]),
    statusReason: text('status_reason'),
    components: jsonb('components'),
    quality: text('quality', { enum: ['GREEN', 'YELLOW', 'RED', 'UNKNOWN'] })
      .notNull()
      .default('UNKNOWN'),
    unsupported: text('unsupported'),
    syncedAt: instant('synced_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [unique('one_template_per_name_and_language').on(table.companyId, table.name, table.language)],
);

export const templateSyncs = pgTable('template_syncs', {
  accountId: text('account_id').primaryKey(),
  attemptedAt: instant('attempted_at').notNull().defaultNow(),
  syncedAt: instant('synced_at'),
  templates: integer('templates'),
  error: text('error'),
});

export const accountEvents = pgTable('account_events', {
  id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  companyId: text('company_id')
    .notNull()
    .references(() => companies.id),
  field: text('field').notNull(),
  event: text('event').notNull(),
  severity: text('severity', { enum: ['info', 'warning', 'critical'] }).notNull(),
  message: text('message').notNull(),
  occurredAt: instant('occurred_at').notNull().defaultNow(),
});

export const campaigns = pgTable('campaigns', {
  id: text('id').primaryKey(),
  companyId: text('company_id')
    .notNull()
    .references(() => companies.id),
  name: text('name').notNull(),
  templateId: bigint('template_id', { mode: 'bigint' })
    .notNull()
    .references(() => templates.id),
  status: text('status', {
    enum: ['draft', 'planning', 'running', 'paused', 'settling', 'completed', 'cancelled', 'failed'],
  })
    .notNull()
    .default('draft'),
  sha256: text('sha256'),
  audience: jsonb('audience').notNull(),
  parameters: jsonb('parameters').notNull().default({}),
  quietHours: jsonb('quiet_hours'),
  scheduledAt: instant('scheduled_at'),
  expiresAt: instant('expires_at'),
  resendUnknown: boolean('resend_unknown').notNull().default(false),
  needsConsent: boolean('needs_consent').notNull().default(false),
  capMessages: integer('cap_messages'),
  capHours: integer('cap_hours'),
  failureRatio: real('failure_ratio').notNull().default(0.5),
  failureSample: integer('failure_sample').notNull().default(50),
  shards: integer('shards').notNull().default(1),
  prices: jsonb('prices').notNull().default({}),
  run: integer('run').notNull().default(0),
  planPosition: bigint('plan_position', { mode: 'bigint' }).notNull().default(0n),
  planLimit: bigint('plan_limit', { mode: 'bigint' }),
  plannedAt: instant('planned_at'),
  breakerFrom: instant('breaker_from').notNull().defaultNow(),
  pausedAt: instant('paused_at'),
  pausedUntil: instant('paused_until'),
  pause: jsonb('pause'),
  failure: jsonb('failure'),
  createdAt: instant('created_at').notNull().defaultNow(),
  startedAt: instant('started_at'),
  settlingAt: instant('settling_at'),
  finishedAt: instant('finished_at'),
  report: jsonb('report'),
});

export const campaignEntries = pgTable(
  'campaign_entries',
  {
    campaignId: text('campaign_id')
      .notNull()
      .references(() => campaigns.id, { onDelete: 'cascade' }),
    n: bigint('n', { mode: 'number' }).notNull(),
    phone: text('phone').notNull(),
    name: text('name'),
    language: text('language'),
    timeZone: text('time_zone'),
    consented: boolean('consented').notNull().default(false),
    parameters: jsonb('parameters').notNull().default({}),
  },
  (table) => [primaryKey({ columns: [table.campaignId, table.n] })],
);

export const recipients = pgTable(
  'recipients',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    campaignId: text('campaign_id')
      .notNull()
      .references(() => campaigns.id, { onDelete: 'cascade' }),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    phoneE164: text('phone_e164'),
    given: text('given'),
    leadId: bigint('lead_id', { mode: 'bigint' }).references(() => leads.id, { onDelete: 'set null' }),
    name: text('name'),
    language: text('language'),
    parameters: jsonb('parameters').notNull().default({}),
    timeZone: text('time_zone'),
    status: text('status', {
      enum: [
        'pending',
        'sending',
        'accepted',
        'sent',
        'delivered',
        'read',
        'failed',
        'unknown',
        'unconfirmed',
        'skipped',
        'deferred',
      ],
    })
      .notNull()
      .default('pending'),
    claimId: uuid('claim_id'),
    claimedAt: instant('claimed_at'),
    attempt: integer('attempt').notNull().default(0),
    opaqueId: text('opaque_id'),
    wamid: text('wamid'),
    nextAt: instant('next_at').notNull().defaultNow(),
    closesAt: instant('closes_at'),
    deferredFor: text('deferred_for'),
    cappedAt: instant('capped_at'),
    openedWindow: boolean('opened_window').notNull().default(false),
    errorCode: integer('error_code'),
    error: text('error'),
    skipReason: text('skip_reason'),
    pricingCategory: text('pricing_category'),
    pricingModel: text('pricing_model'),
    billable: boolean('billable'),
    cost: numeric('cost'),
    statusAt: instant('status_at').notNull().defaultNow(),
  },
  (table) => [unique('one_message_per_number').on(table.campaignId, table.phoneE164)],
);

export const portfolios = pgTable('portfolios', {
  id: text('id').primaryKey(),
  used: integer('used').notNull().default(0),
});

export const portfolioPeople = pgTable(
  'portfolio_people',
  {
    portfolioId: text('portfolio_id')
      .notNull()
      .references(() => portfolios.id, { onDelete: 'cascade' }),
    phoneE164: text('phone_e164').notNull(),
    firstAt: instant('first_at').notNull().defaultNow(),
    lastAt: instant('last_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.portfolioId, table.phoneE164] })],
);
