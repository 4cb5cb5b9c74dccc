/** The queue's tables for drizzle, as far as screens read them. The SQL in ./migrations decides; nothing writes through this. */
import { bigint, integer, jsonb, pgSchema, smallint, text, timestamp, uuid } from 'drizzle-orm/pg-core';

const jobqueue = pgSchema('jobqueue');
const terminalStatus = jobqueue.enum('terminal_status', ['COMPLETED', 'DEAD_LETTER', 'CANCELLED']);
const instant = (name: string) => timestamp(name, { withTimezone: true });

export const liveJobs = jobqueue.table('jobs', {
  id: bigint('id', { mode: 'bigint' }).primaryKey(),
  type: text('type').notNull(),
  queue: text('queue').notNull(),
  priority: smallint('priority').notNull(),
  attempt: smallint('attempt').notNull(),
  maxAttempts: smallint('max_attempts').notNull(),
  dueAt: instant('due_at').notNull(),
  createdAt: instant('created_at').notNull(),
  leaseUntil: instant('lease_until'),
});

export const jobHistory = jobqueue.table('job_history', {
  id: bigint('id', { mode: 'bigint' }).primaryKey(),
  type: text('type').notNull(),
  status: terminalStatus('status').notNull(),
  queue: text('queue').notNull(),
  priority: smallint('priority').notNull(),
  attempt: smallint('attempt').notNull(),
  maxAttempts: smallint('max_attempts').notNull(),
  dueAt: instant('due_at').notNull(),
  createdAt: instant('created_at').notNull(),
  finishedAt: instant('finished_at').notNull(),
});

export const drains = jobqueue.table('drains', {
  id: uuid('id').primaryKey(),
  source: text('source').notNull(),
  startedAt: instant('started_at').notNull(),
  lastStepAt: instant('last_step_at').notNull(),
  finishedAt: instant('finished_at'),
  stopReason: text('stop_reason'),
  steps: integer('steps').notNull(),
  running: bigint('running', { mode: 'bigint' }).array().notNull(),
  report: jsonb('report').notNull(),
});
