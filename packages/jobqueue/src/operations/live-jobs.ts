/** Operations on live jobs in an incident: cancel, reschedule, set the priority, pause. */

import { type Actor, actorOf, checkActor, reasonOf } from '../core/actor.ts';
import { type JobFilter, jobFilterJson } from '../core/filters.ts';
import { LIMITS } from '../core/limits.ts';
import { instant, integer, name, number, refused, text } from '../core/options.ts';
import type { Executor } from '../postgres/database.ts';
import * as store from '../postgres/statements/controls.ts';
import { type BulkCall, type BulkOptions, type BulkReport, inSlices } from './bulk.ts';

/** The target of a pause: a queue, a type, both, or with neither everything. */
export interface Target {
  readonly queue?: string;
  readonly type?: string;
}

/** An idempotency key, and so the job that holds it. */
export interface HeldKey {
  readonly type: string;
  readonly idempotencyKey: string;
}

/** Pending jobs end CANCELLED; so do running ones, at once: see cancel_1.sql. */
export async function cancel(
  executor: Executor,
  filter: JobFilter,
  options: Actor & { readonly reason: string } & BulkOptions,
): Promise<BulkReport> {
  const reason = reasonOf(options.reason);
  return inBulk(executor, 'cancel', filter, { actor: actorOf(options), reason }, options);
}

/** Pending jobs get another due time; those that a drain holds are skipped. */
export async function reschedule(
  executor: Executor,
  filter: JobFilter,
  options: Actor & { readonly to: Date | { readonly delayMs: number } } & BulkOptions,
): Promise<BulkReport> {
  refuseHeld(filter);
  const { to } = options;
  const when =
    to instanceof Date
      ? { to: plannedAt(to) }
      : { delayMs: number('to.delayMs', to.delayMs, { min: 0, max: LIMITS.scheduledForMs }) };
  return inBulk(executor, 'reschedule', filter, { ...checkActor(options), ...when }, options);
}

/** Pending jobs get another priority; those that a drain holds are skipped. */
export async function setPriority(
  executor: Executor,
  filter: JobFilter,
  options: Actor & { readonly priority: number } & BulkOptions,
): Promise<BulkReport> {
  refuseHeld(filter);
  const priority = integer('priority', options.priority, { min: 0, max: LIMITS.maxPriority });
  return inBulk(executor, 'reprioritise', filter, { ...checkActor(options), priority }, options);
}

export async function pause(executor: Executor, target: Target, by: Actor): Promise<object> {
  const { actor, reason = null } = checkActor(by);
  await store.pause(executor, targetOf(target), reason, actor);
  return {};
}

export async function resume(executor: Executor, target: Target, by: Actor): Promise<{ readonly resumed: boolean }> {
  return { resumed: await store.resume(executor, targetOf(target), checkActor(by)) };
}

/** Whatever job holds the key goes on without it, and another may take it: for a key that its holder should not hold any more. */
export async function freeKey(
  executor: Executor,
  { type, idempotencyKey }: HeldKey,
  by: Actor,
): Promise<{ readonly freed: boolean; readonly holder: string | null }> {
  const key = text('idempotencyKey', idempotencyKey, LIMITS.idempotencyKeyChars);
  return store.freeKey(executor, { type: name('type', type), key }, checkActor(by));
}

async function inBulk(
  executor: Executor,
  action: BulkCall['action'],
  filter: JobFilter,
  sent: BulkCall['options'],
  options: BulkOptions,
): Promise<BulkReport> {
  const call = { action, filterJson: jobFilterJson(filter), options: sent };
  const { operation, changed, skipped, done } = await inSlices(executor, call, options);
  return { operation, changed, skipped, done };
}

function targetOf({ queue = '*', type = '*' }: Target): Required<Target> {
  return { queue: queue === '*' ? queue : name('queue', queue), type: type === '*' ? type : name('type', type) };
}

function refuseHeld({ status }: JobFilter): void {
  if (status === 'PROCESSING')
    throw refused('filter.status', "'PENDING', because running jobs are not changed", status);
}

function plannedAt(to: Date): string {
  const at = instant('to', to);
  if (to.getTime() > Date.now() + LIMITS.scheduledForMs) throw refused('to', 'an instant at most 10 years ahead', at);
  return at;
}
