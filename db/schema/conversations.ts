/** Settings, connections, conversations and messages for drizzle. The SQL in db/migrations decides. */
import { bigint, boolean, integer, jsonb, pgTable, primaryKey, real, text, unique } from 'drizzle-orm/pg-core';
import { companies, instant, leads } from './leads-and-imports.ts';

export const companySettings = pgTable('company_settings', {
  companyId: text('company_id')
    .primaryKey()
    .references(() => companies.id),
  timeZone: text('time_zone').notNull().default('Asia/Dubai'),
  whatsappPhoneNumberId: text('whatsapp_phone_number_id'),
  whatsappAccountId: text('whatsapp_account_id'),
  whatsappPortfolioId: text('whatsapp_portfolio_id'),
  whatsappAccessToken: text('whatsapp_access_token'),
  whatsappPerSecond: real('whatsapp_per_second').notNull().default(20),
  whatsappDailyPeople: integer('whatsapp_daily_people'),
  optOutKeywords: text('opt_out_keywords').array().notNull().default([]),
  optOutConfirmation: text('opt_out_confirmation'),
});

export const connections = pgTable(
  'connections',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    provider: text('provider', { enum: ['whatsapp', 'bitrix24', 'ai'] }).notNull(),
    pausedAt: instant('paused_at'),
    pausedCode: text('paused_code'),
    pausedReason: text('paused_reason'),
    failures: integer('failures').notNull().default(0),
    failingSince: instant('failing_since'),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.provider] })],
);

export const conversations = pgTable(
  'conversations',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    phoneE164: text('phone_e164'),
    whatsappUserId: text('whatsapp_user_id'),
    leadId: bigint('lead_id', { mode: 'bigint' }).references(() => leads.id, { onDelete: 'set null' }),
    status: text('status', { enum: ['active', 'closed'] })
      .notNull()
      .default('active'),
    aiEnabled: boolean('ai_enabled').notNull().default(true),
    humanTookOverAt: instant('human_took_over_at'),
    lastInboundAt: instant('last_inbound_at'),
    lastOutboundAt: instant('last_outbound_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [unique('one_conversation_per_number').on(table.companyId, table.phoneE164)],
);

export const messages = pgTable('messages', {
  id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  companyId: text('company_id')
    .notNull()
    .references(() => companies.id),
  conversationId: bigint('conversation_id', { mode: 'bigint' })
    .notNull()
    .references(() => conversations.id, { onDelete: 'cascade' }),
  direction: text('direction', { enum: ['inbound', 'outbound'] }).notNull(),
  author: text('author', { enum: ['customer', 'ai', 'person', 'campaign', 'system'] }).notNull(),
  kind: text('kind').notNull().default('text'),
  body: text('body'),
  wamid: text('wamid'),
  replyToWamid: text('reply_to_wamid'),
  status: text('status', {
    enum: [
      'received',
      'queued',
      'sending',
      'accepted',
      'sent',
      'delivered',
      'read',
      'failed',
      'unconfirmed',
      'cancelled',
    ],
  }).notNull(),
  errorCode: integer('error_code'),
  error: text('error'),
  occurredAt: instant('occurred_at').notNull().defaultNow(),
  createdAt: instant('created_at').notNull().defaultNow(),
  statusAt: instant('status_at').notNull().defaultNow(),
});

export const deliveryAttempts = pgTable('delivery_attempts', {
  opaqueId: text('opaque_id').primaryKey(),
  companyId: text('company_id')
    .notNull()
    .references(() => companies.id),
  messageId: bigint('message_id', { mode: 'bigint' }).references(() => messages.id, { onDelete: 'cascade' }),
  recipientId: bigint('recipient_id', { mode: 'bigint' }),
  attempt: integer('attempt').notNull(),
  startedAt: instant('started_at').notNull().defaultNow(),
  endedAt: instant('ended_at'),
  outcome: text('outcome', { enum: ['accepted', 'refused', 'unsent', 'unknown'] }),
  wamid: text('wamid'),
  errorCode: integer('error_code'),
  error: text('error'),
});

export const parkedStatuses = pgTable('parked_statuses', {
  id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  companyId: text('company_id')
    .notNull()
    .references(() => companies.id),
  wamid: text('wamid').notNull(),
  status: jsonb('status').notNull(),
  arrivedAt: instant('arrived_at').notNull().defaultNow(),
});

export const whatsappUsers = pgTable(
  'whatsapp_users',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    userId: text('user_id').notNull(),
    phoneE164: text('phone_e164'),
    username: text('username'),
    seenAt: instant('seen_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.userId] })],
);

export const connectionRefusals = pgTable(
  'connection_refusals',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id, { onDelete: 'cascade' }),
    provider: text('provider').notNull(),
    kind: text('kind').notNull(),
    refusedAs: text('refused_as').notNull(),
    records: text('records').array().notNull(),
    fresh: integer('fresh').notNull(),
    refusedAt: instant('refused_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.provider, table.kind, table.refusedAs] })],
);
