/** Kept forms and changes of secrets for drizzle. The SQL in db/migrations decides. */
import { jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { companies, instant } from './leads-and-imports.ts';

export const keptForms = pgTable('kept_forms', {
  id: uuid('id').primaryKey().defaultRandom(),
  page: text('page').notNull(),
  fields: jsonb('fields').notNull(),
  refusal: jsonb('refusal'),
  people: jsonb('people'),
  keptBy: text('kept_by').notNull(),
  keptAt: instant('kept_at').notNull().defaultNow(),
});

export const secretChanges = pgTable(
  'secret_changes',
  {
    companyId: text('company_id')
      .notNull()
      .references(() => companies.id),
    field: text('field').notNull(),
    changedAt: instant('changed_at').notNull().defaultNow(),
    changedBy: text('changed_by').notNull(),
  },
  (table) => [primaryKey({ columns: [table.companyId, table.field] })],
);
