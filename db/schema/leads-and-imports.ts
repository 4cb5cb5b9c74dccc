/** Companies, leads and imports for drizzle, the only place where their row types come from. The SQL in db/migrations decides. */
import {
  bigint,
  boolean,
  customType,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
} from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
export const instant = (name: string) => timestamp(name, { withTimezone: true });

export const companies = pgTable('companies', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  defaultCountry: text('default_country').notNull().default('AE'),
  createdAt: instant('created_at').notNull().defaultNow(),
});

export const imports = pgTable('imports', {
  id: text('id').primaryKey(),
  companyId: text('company_id')
    .notNull()
    .references(() => companies.id),
  fileName: text('file_name'),
  country: text('country').notNull(),
  delimiter: text('delimiter'),
  status: text('status', {
    enum: ['pending', 'waiting', 'running', 'paused', 'completed', 'failed', 'cancelled', 'undoing', 'undone'],
  })
    .notNull()
    .default('pending'),
  createdAt: instant('created_at').notNull().defaultNow(),
  startedAt: instant('started_at'),
  finishedAt: instant('finished_at'),
  partChanges: integer('part_changes').notNull().default(0),
  sizeBytes: bigint('size_bytes', { mode: 'number' }),
  sha256: text('sha256'),
  jobId: bigint('job_id', { mode: 'bigint' }),
  layout: jsonb('layout'),
  rowsTotal: integer('rows_total'),
  nextOffset: bigint('next_offset', { mode: 'number' }),
  nextRow: integer('next_row'),
  rowsCreated: integer('rows_created').notNull().default(0),
  rowsUpdated: integer('rows_updated').notNull().default(0),
  rowsUnchanged: integer('rows_unchanged').notNull().default(0),
  rowsDuplicate: integer('rows_duplicate').notNull().default(0),
  rowsRefused: integer('rows_refused').notNull().default(0),
  failure: jsonb('failure'),
  encoding: text('encoding'),
  decodedOffset: bigint('decoded_offset', { mode: 'number' }),
  textBytes: bigint('text_bytes', { mode: 'number' }),
  dryRun: boolean('dry_run').notNull().default(false),
  options: jsonb('options').notNull().default({}),
  chosen: jsonb('chosen'),
  mapping: text('mapping'),
  question: jsonb('question'),
  heldAt: instant('held_at'),
  goes: integer('goes').notNull().default(0),
  rowsSkipped: integer('rows_skipped').notNull().default(0),
  undoRow: integer('undo_row'),
  rowsRemoved: integer('rows_removed').notNull().default(0),
  kept: jsonb('kept').notNull().default({}),
  optOuts: integer('opt_outs').notNull().default(0),
  rowsWarned: integer('rows_warned').notNull().default(0),
  dialled: jsonb('dialled').notNull().default({}),
});

export const importParts = pgTable(
  'import_parts',
  {
    importId: text('import_id')
      .notNull()
      .references(() => imports.id, { onDelete: 'cascade' }),
    part: integer('part').notNull(),
    startOffset: bigint('start_offset', { mode: 'number' }),
    sizeBytes: integer('size_bytes').notNull(),
    sha256: text('sha256').notNull(),
    data: bytea('data').notNull(),
  },
  (table) => [primaryKey({ columns: [table.importId, table.part] })],
);

export const importTexts = pgTable(
  'import_texts',
  {
    importId: text('import_id')
      .notNull()
      .references(() => imports.id, { onDelete: 'cascade' }),
    startOffset: bigint('start_offset', { mode: 'number' }).notNull(),
    sizeBytes: integer('size_bytes').notNull(),
    data: bytea('data').notNull(),
  },
  (table) => [primaryKey({ columns: [table.importId, table.startOffset] })],
);

export const importMappings = pgTable(
  'import_mappings',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    name: text('name').notNull(),
    header: jsonb('header').notNull(),
    columns: jsonb('columns').notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.name] })],
);

export const leads = pgTable(
  'leads',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    phoneE164: text('phone_e164').notNull(),
    name: text('name'),
    email: text('email'),
    source: text('source'),
    organisation: text('organisation'),
    notes: text('notes'),
    importId: text('import_id').references(() => imports.id, { onDelete: 'set null' }),
    createdAt: instant('created_at').notNull().defaultNow(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    version: bigint('version', { mode: 'bigint' }).notNull().default(1n),
    whatsappUnreachableAt: instant('whatsapp_unreachable_at'),
    tags: text('tags').array().notNull().default([]),
    timeZone: text('time_zone'),
    consentedAt: instant('consented_at'),
    givenName: text('given_name'),
    familyName: text('family_name'),
  },
  (table) => [unique('one_lead_per_number').on(table.companyId, table.phoneE164)],
);

export const optOuts = pgTable(
  'opt_outs',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    phoneE164: text('phone_e164'),
    whatsappUserId: text('whatsapp_user_id'),
    reason: text('reason'),
    optedOutAt: instant('opted_out_at').notNull().defaultNow(),
    scope: text('scope', { enum: ['marketing', 'all'] })
      .notNull()
      .default('all'),
    source: text('source', { enum: ['keyword', 'user_preferences', 'delivery_error', 'admin', 'import'] })
      .notNull()
      .default('admin'),
    liftedAt: instant('lifted_at'),
  },
  (table) => [unique('one_opt_out_per_number_and_scope').on(table.companyId, table.phoneE164, table.scope)],
);

export const importRows = pgTable(
  'import_rows',
  {
    importId: text('import_id')
      .notNull()
      .references(() => imports.id, { onDelete: 'cascade' }),
    row: integer('row').notNull(),
    outcome: text('outcome', {
      enum: ['created', 'updated', 'unchanged', 'duplicate', 'skipped', 'opted_out', 'error'],
    }).notNull(),
    phoneE164: text('phone_e164'),
    code: text('code'),
    column: text('column'),
    value: text('value'),
    message: text('message'),
    cells: jsonb('cells').$type<string[]>(),
    warnings: jsonb('warnings'),
    undone: text('undone', { enum: ['removed', 'gone', 'changed', 'conversation', 'campaign', 'crm'] }),
  },
  (table) => [primaryKey({ columns: [table.importId, table.row] })],
);
