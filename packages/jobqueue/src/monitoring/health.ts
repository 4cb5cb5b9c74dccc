/** Health: one statement of bounded probes and an attempt to write, put into words. */

import { type CheckResult, describeCheck, linkTo, nextStep, pageOf } from '../core/describe-check.ts';
import { diagnose, inFull } from '../core/diagnosis.ts';
import { sqlstateOf } from '../core/sqlstate.ts';
import type { Thresholds } from '../core/thresholds.ts';
import type { Executor } from '../postgres/database.ts';
import { health, missingFunctions, tryWrite } from '../postgres/statements/health.ts';

/** The result of one health check. */
export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Fact and limit. */
  readonly detail: string;
  /** The first thing to do while the check is red; else null. */
  readonly next: string | null;
  /** The page of the console that shows it, from its root; */
  readonly page: string;
  /** and its address, null without `alerts.consoleUrl`. */
  readonly url: string | null;
  /** Durations in ms, shares from 0 to 1, else a count; null if there is nothing to measure. */
  readonly value: number | null;
  /** Red from this value on; null if there is nothing to compare with. */
  readonly limit: number | null;
}

/** The result of all health checks. `failing` if at least one is red. */
export interface Health {
  readonly status: 'ok' | 'failing';
  readonly checks: readonly HealthCheck[];
}

const NO_SUCH_FUNCTION = '42883';

/** Looks at every check. Rejects if the database cannot be reached, or holds no queue at all. */
export async function checkHealth(
  executor: Executor,
  thresholds: Thresholds,
  consoleUrl: string | undefined,
): Promise<Health> {
  const askedAtMs = performance.now();
  const [found, refused] = await Promise.all([
    health(executor, thresholds).catch((error: unknown) => protocolOnly(executor, thresholds, error)),
    refusalOfWrites(executor),
  ]);
  const database = {
    ok: refused === null,
    name: 'database',
    subject: '',
    value: Math.round(performance.now() - askedAtMs),
    limit: null,
    data: refused === null ? {} : { refused },
  };
  const checks = [database, ...found].map(({ ok, ...rest }) => ({
    name: rest.name,
    ok,
    detail: describeCheck(rest),
    next: ok ? null : nextStep(rest),
    page: pageOf(rest),
    url: linkTo(consoleUrl, rest),
    value: rest.value,
    limit: rest.limit,
  }));
  return { status: checks.every((check) => check.ok) ? 'ok' : 'failing', checks };
}

/** Why a write is refused, or null. A database of an older protocol has no function to ask; the check of that name says so. */
async function refusalOfWrites(executor: Executor): Promise<string | null> {
  try {
    await tryWrite(executor);
    return null;
  } catch (error) {
    if (sqlstateOf(error) === NO_SUCH_FUNCTION) return null;
    const diagnosis = diagnose(error);
    if (!diagnosis?.answer) throw error;
    return inFull(diagnosis);
  }
}

/** A database of an older protocol has no health_1 that could say so. */
async function protocolOnly(
  executor: Executor,
  { functions }: Thresholds,
  error: unknown,
): Promise<(CheckResult & { readonly ok: boolean })[]> {
  if (sqlstateOf(error) !== NO_SUCH_FUNCTION) throw error;
  const missing = await missingFunctions(executor, functions);
  return [{ name: 'protocol', ok: false, subject: '', value: missing.length, limit: 1, data: { missing } }];
}
