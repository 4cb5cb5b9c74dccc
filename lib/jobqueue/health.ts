/** Whether the queue is well, now: one statement of bounded probes, put into words. */
import type { Executor } from '../../db/database.ts';
import { sqlstateOf } from './sqlstate.ts';
import { health, missingFunctions } from './store/health.ts';
import type { Thresholds } from './thresholds.ts';
import { type Found, inWords } from './words.ts';

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** Durations in ms, shares from 0 to 1, else a count; null if there is nothing to measure. */
  readonly value: number | null;
  /** Red from this value on; null if there is nothing to compare with. */
  readonly limit: number | null;
}

export interface Health {
  readonly status: 'ok' | 'failing';
  readonly checks: readonly HealthCheck[];
}

const NO_SUCH_FUNCTION = '42883';

/** Looks at every check. Rejects if the database cannot be reached, or holds no queue at all. */
export async function checkHealth(executor: Executor, thresholds: Thresholds): Promise<Health> {
  const askedAtMs = performance.now();
  const found = await health(executor, thresholds).catch((error: unknown) => protocolOnly(executor, thresholds, error));
  const database = {
    ok: true,
    name: 'database',
    subject: '',
    value: Math.round(performance.now() - askedAtMs),
    limit: null,
    data: {},
  };
  const checks = [database, ...found].map(({ ok, ...rest }) => ({
    name: rest.name,
    ok,
    detail: inWords(rest),
    value: rest.value,
    limit: rest.limit,
  }));
  return { status: checks.every((check) => check.ok) ? 'ok' : 'failing', checks };
}

/** A database of an older protocol has no health_1 that could say so. */
async function protocolOnly(
  executor: Executor,
  { functions }: Thresholds,
  error: unknown,
): Promise<(Found & { readonly ok: boolean })[]> {
  if (sqlstateOf(error) !== NO_SUCH_FUNCTION) throw error;
  const missing = await missingFunctions(executor, functions);
  return [{ name: 'protocol', ok: false, subject: '', value: missing.length, limit: 1, data: { missing } }];
}
