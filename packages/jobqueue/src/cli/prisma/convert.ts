/** Converts one row of the Prisma queue into a live job, or into history with its reason. Pure: no clock, no database. */
import { LIMITS } from '../../core/limits.ts';
import { parseNow } from '../../core/payload.ts';
import { redactIssues } from '../../core/redact.ts';
import type { StandardSchema } from '../../core/standard-schema.ts';

/** As oldTable.ts reads it; instants in ms. */
export interface OldJob {
  readonly id: string;
  readonly type: string;
  /** JSON text. */
  readonly payload: string;
  readonly status: string;
  readonly priority: number;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly last_error: string | null;
  readonly key: string | null;
  readonly due_ms: number | null;
  readonly started_ms: number | null;
  readonly completed_ms: number | null;
  readonly updated_ms: number | null;
  readonly created_ms: number;
}

export type Fate = 'PENDING' | 'COMPLETED' | 'DEAD_LETTER';

/** As store.ts inserts it. */
export interface NewRow {
  readonly old_id: string;
  readonly old_status: string;
  readonly fate: Fate;
  readonly type: string;
  readonly payload: unknown;
  readonly priority: number;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly key: string | null;
  /** Until when a finished job still holds its key, ISO. */
  readonly key_until: string | null;
  readonly created_at: string;
  readonly due_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly errors: readonly object[] | null;
}

export interface Converted {
  readonly row: NewRow;
  /** Why it became a dead letter, if it was none; for the plan. */
  readonly refusal: {
    readonly code: 'payload_invalid' | 'payload_too_large' | 'type_invalid' | 'stale';
    readonly message: string;
  } | null;
  readonly keyDropped: boolean;
  /** No job of this code has the type: it waits for a deployment that knows it. */
  readonly unknownType: boolean;
}

export interface Rules {
  /** Payload schemas of the types that this code declares. */
  readonly payloads: ReadonlyMap<string, StandardSchema>;
  readonly nowMs: number;
  readonly keyWindowMs: number;
  /** Pending for longer is dead; null: never. */
  readonly staleMs: number | null;
}

/** PROCESSING becomes PENDING, because the old queue had no leases and its worker may be dead. FAILED becomes a dead letter. */
export function convert(old: OldJob, rules: Rules): Converted {
  const fate = fateOf(old.status);
  const refusal = fate === 'PENDING' ? refusalOf(old, rules) : null;
  const endedMs =
    fate === 'PENDING' && refusal === null ? null : (old.completed_ms ?? old.updated_ms ?? old.created_ms);
  const isKept = old.key === null || isKey(old.key);
  const maxAttempts = clamp(old.max_attempts, 1, LIMITS.maxAttempts);
  const attempt = clamp(old.attempts, 0, fate === 'PENDING' && refusal === null ? maxAttempts - 1 : LIMITS.maxAttempts);
  const untilMs = fate === 'COMPLETED' && endedMs !== null ? endedMs + rules.keyWindowMs : null;
  const row: NewRow = {
    old_id: old.id,
    old_status: old.status,
    fate: refusal === null ? fate : 'DEAD_LETTER',
    type: old.type,
    payload: JSON.parse(old.payload),
    priority: clamp(old.priority, 0, LIMITS.maxPriority),
    attempt,
    max_attempts: maxAttempts,
    key: isKept ? old.key : null,
    key_until: untilMs !== null && untilMs > rules.nowMs ? iso(untilMs) : null,
    created_at: iso(old.created_ms),
    due_at: iso(old.due_ms ?? old.created_ms),
    started_at: old.started_ms === null ? null : iso(old.started_ms),
    finished_at: endedMs === null ? null : iso(refusal === null ? endedMs : rules.nowMs),
    errors: errorsOf(old, attempt, refusal, rules),
  };
  return { row, refusal, keyDropped: !isKept, unknownType: row.fate === 'PENDING' && !rules.payloads.has(old.type) };
}

function fateOf(status: string): Fate {
  switch (status) {
    case 'PENDING':
    case 'PROCESSING':
      return 'PENDING';
    case 'COMPLETED':
      return 'COMPLETED';
    case 'FAILED':
    case 'DEAD_LETTER':
      return 'DEAD_LETTER';
    default:
      throw new TypeError(`expected a status of the Prisma queue, got '${status}'`);
  }
}

function refusalOf(old: OldJob, { payloads, nowMs, staleMs }: Rules): Converted['refusal'] {
  if (!LIMITS.name.pattern.test(old.type))
    return { code: 'type_invalid', message: `its type is no name ${LIMITS.name.words}` };
  const bytes = Buffer.byteLength(old.payload);
  if (bytes > LIMITS.payloadBytes)
    return {
      code: 'payload_too_large',
      message: `its payload has ${bytes} bytes, at most ${LIMITS.payloadBytes} are taken`,
    };
  const payload: unknown = JSON.parse(old.payload);
  const schema = payloads.get(old.type);
  const mistakes = schema && parseNow({ type: old.type, payload: schema }, payload).issues;
  if (schema && mistakes) {
    const issues = redactIssues(schema, payload, mistakes.slice(0, 10));
    const words = issues.map(({ path, message }) => `payload.${path}: ${message}`);
    return { code: 'payload_invalid', message: words.join('; ') };
  }
  const waitedMs = nowMs - (old.due_ms ?? old.created_ms);
  if (staleMs !== null && waitedMs > staleMs)
    return { code: 'stale', message: 'it had waited in the Prisma queue for longer than --stale-after allows' };
  return null;
}

function errorsOf(old: OldJob, attempt: number, refusal: Converted['refusal'], { nowMs }: Rules): object[] | null {
  const errors: object[] = [];
  const message = old.last_error?.toWellFormed().slice(0, LIMITS.errorBytes / 4);
  if (message) errors.push({ name: 'Error', message, attempt, at: iso(old.updated_ms ?? old.created_ms) });
  if (refusal)
    errors.push({ name: 'ImportError', code: refusal.code, message: refusal.message, attempt, at: iso(nowMs) });
  return errors.length > 0 ? errors : null;
}

function isKey(key: string): boolean {
  return key !== '' && key.length <= LIMITS.idempotencyKeyChars;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, Math.trunc(value)));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
