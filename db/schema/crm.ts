/** CRM settings, links and inbox for drizzle. The SQL in db/migrations decides. */
import { bigint, boolean, integer, jsonb, pgTable, primaryKey, real, text, unique } from 'drizzle-orm/pg-core';
import { companies, instant, leads } from './leads-and-imports.ts';

export const crmSettings = pgTable('crm_settings', {
  companyId: text('company_id')
    .primaryKey()
    .references(() => companies.id),
  webhookUrl: text('webhook_url'),
  applicationToken: text('application_token'),
  perSecond: real('per_second').notNull().default(2),
  burst: integer('burst').notNull().default(50),
  duplicatePolicy: text('duplicate_policy', { enum: ['link', 'create', 'skip'] })
    .notNull()
    .default('link'),
  sourceId: text('source_id'),
  stageId: text('stage_id'),
  assignedById: bigint('assigned_by_id', { mode: 'number' }),
  importsLeads: boolean('imports_leads').notNull().default(false),
  syncImports: boolean('sync_imports').notNull().default(false),
  reconciledAt: instant('reconciled_at'),
  portalEdits: text('portal_edits', { enum: ['take', 'keep'] })
    .notNull()
    .default('take'),
  directory: jsonb('directory'),
  directoryAt: instant('directory_at'),
});

export const crmLinks = pgTable(
  'crm_links',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    leadId: bigint('lead_id', { mode: 'bigint' })
      .notNull()
      .references(() => leads.id, { onDelete: 'cascade' }),
    externalId: bigint('external_id', { mode: 'bigint' }),
    wantedVersion: bigint('wanted_version', { mode: 'bigint' }).notNull().default(0n),
    syncedVersion: bigint('synced_version', { mode: 'bigint' }).notNull().default(0n),
    syncedAt: instant('synced_at'),
    refusal: text('refusal'),
    deletedAt: instant('deleted_at'),
    claimedBy: bigint('claimed_by', { mode: 'bigint' }),
    claimFence: bigint('claim_fence', { mode: 'bigint' }),
    claimedUntil: instant('claimed_until'),
    carried: jsonb('carried'),
    seen: jsonb('seen'),
    lookedAt: instant('looked_at'),
    addingSince: instant('adding_since'),
    unanswered: integer('unanswered').notNull().default(0),
    unansweredSince: instant('unanswered_since'),
  },
  (table) => [
    primaryKey({ columns: [table.companyId, table.leadId] }),
    unique('one_lead_per_item').on(table.companyId, table.externalId),
  ],
);

export const crmInbox = pgTable(
  'crm_inbox',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    itemId: bigint('item_id', { mode: 'bigint' }).notNull(),
    changes: integer('changes').notNull().default(1),
    looks: integer('looks').notNull().default(0),
    arrivedAt: instant('arrived_at').notNull().defaultNow(),
    claimedUntil: instant('claimed_until'),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.itemId] })],
);
