/**
 * One call of Bitrix24's REST API, and what came of it. No retries: a repeated `add` makes a second lead. Errors
 * name the method alone, never the URL, which holds the credential.
 */
import { z } from 'zod';
import { codeOf, neverLeft } from '../failed-call.ts';
import { type Effect, effectOf } from './effects.ts';
import type { Portal } from './portal.ts';
import { queryOf } from './query.ts';

export interface Bitrix24Error {
  /** The portal's; may be empty. */
  readonly code: string;
  readonly message: string;
  readonly effect: Effect;
  /** When the method may be called again, where the portal said so, unix ms. */
  readonly resetAtMs: number | null;
}

/** The portal's work for this method within its ten minutes, and the time of the next reset. */
export interface Operating {
  /** The budget is the method's, not the portal's. */
  readonly method: string;
  readonly seconds: number;
  readonly resetAtMs: number | null;
}

export type Called =
  | {
      readonly kind: 'done';
      readonly result: unknown;
      readonly next: number | null;
      readonly operating: Operating | null;
    }
  | { readonly kind: 'refused'; readonly error: Bitrix24Error }
  /** It provably never left us. */
  | { readonly kind: 'unsent'; readonly error: Error }
  /** It may have been done. */
  | { readonly kind: 'unknown'; readonly error: Error };

export interface Command {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export type Answer =
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'refused'; readonly error: Bitrix24Error };

export type Batched =
  | {
      readonly kind: 'done';
      readonly answers: readonly Answer[];
      /** The highest use reported for each method that was called. */
      readonly operating: readonly Operating[];
    }
  | Exclude<Called, { kind: 'done' }>;

/** The portal's own bound for one request is 60 s. */
const TIMEOUT_MS = 65_000;
/** The portal's bound of a batch. */
export const BATCH_COMMANDS = 50;
/** A block lifts by itself within ten minutes. */
const BLOCK_MS = 10 * 60_000;

const Time = z
  .object({ operating: z.number().optional(), operating_reset_at: z.number().optional() })
  .optional()
  .catch(undefined);
const Done = z.object({ result: z.unknown(), next: z.number().optional(), time: Time });
const Refused = z.object({
  error: z.union([z.string(), z.number()]).transform(String),
  error_description: z.string().catch(''),
  time: Time,
});

/** `nowMs` is for blocks whose end the portal did not say. */
export async function call(
  portal: Portal,
  { method, params }: Command,
  { signal, nowMs = Date.now }: { signal: AbortSignal; nowMs?: () => number },
): Promise<Called> {
  const errorOf = errorsOf(portal, method);
  if (!portal.isSafe) return { kind: 'refused', error: errorOf('INVALID_REQUEST', 'HTTPS is required', 400, null) };
  if (signal.aborted) return { kind: 'unsent', error: new Error(`Bitrix24 ${method}: told to end before the call`) };
  let response: Response;
  let text: string;
  try {
    response = await fetch(portal.urlOf(method), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(params),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    text = await response.text();
  } catch (error) {
    const code = codeOf(error);
    return neverLeft(error)
      ? { kind: 'unsent', error: new Error(`Bitrix24 ${method}: the portal cannot be reached (${code})`) }
      : { kind: 'unknown', error: new Error(`Bitrix24 ${method}: no answer (${code})`) };
  }
  const json = parsed(text);
  const refused = Refused.safeParse(json);
  if (refused.success) {
    const { error: code, error_description: words, time } = refused.data;
    const error = errorOf(code, words, response.status, resetOf(time, nowMs));
    if (error.effect === 'ambiguous') return { kind: 'unknown', error: new Error(error.message) };
    return { kind: 'refused', error };
  }
  const done = Done.safeParse(json);
  if (response.ok && done.success && typeof json === 'object' && json !== null && 'result' in json)
    return {
      kind: 'done',
      result: done.data.result,
      next: done.data.next ?? null,
      operating: operatingOf(method, done.data.time),
    };
  // An overloaded portal answers with a page; one that refuses whoever knocks may have done nothing
  if (response.status === 429 || response.status === 503)
    return { kind: 'refused', error: errorOf('', `HTTP ${response.status}`, response.status, null) };
  return { kind: 'unknown', error: new Error(`Bitrix24 ${method}: HTTP ${response.status} without an answer`) };
}

/** Up to 50 commands as one request. Each has an answer of its own, in their order; what failed for all is told as for a call. */
export async function batch(
  portal: Portal,
  commands: readonly Command[],
  options: { signal: AbortSignal; nowMs?: () => number },
): Promise<Batched> {
  if (commands.length === 0) return { kind: 'done', answers: [], operating: [] };
  if (commands.length > BATCH_COMMANDS)
    throw new RangeError(`expected at most ${BATCH_COMMANDS} commands, got ${commands.length}`);
  const cmd = Object.fromEntries(commands.map(({ method, params }, n) => [`c${n}`, `${method}?${queryOf(params)}`]));
  const called = await call(portal, { method: 'batch', params: { halt: 0, cmd } }, options);
  if (called.kind !== 'done') return called;
  const inner = (called.result ?? {}) as Record<string, unknown>;
  const results = mapOf(inner.result);
  const errors = mapOf(inner.result_error);
  const times = mapOf(inner.result_time);
  const answers = commands.map(({ method }, n): Answer => {
    const errorOf = errorsOf(portal, method);
    const refused = Refused.safeParse(errors[`c${n}`]);
    if (refused.success) {
      const time = Time.parse(times[`c${n}`]);
      const { error: code, error_description: words } = refused.data;
      return { kind: 'refused', error: errorOf(code, words, 400, resetOf(time, options.nowMs ?? Date.now)) };
    }
    if (`c${n}` in results) return { kind: 'done', result: results[`c${n}`] };
    return { kind: 'refused', error: errorOf('ERROR_UNEXPECTED_ANSWER', 'the batch does not say', 500, null) };
  });
  const most = new Map<string, Operating>();
  commands.forEach(({ method }, n) => {
    const operating = operatingOf(method, Time.parse(times[`c${n}`]));
    if (operating && operating.seconds >= (most.get(method)?.seconds ?? 0)) most.set(method, operating);
  });
  return { kind: 'done', answers, operating: [...most.values()] };
}

/** PHP writes an empty map as a list. */
export function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A portal may repeat what it was asked, URL and all. */
function errorsOf(portal: Portal, method: string) {
  return (code: string, words: string, status: number, resetAtMs: number | null): Bitrix24Error => {
    const message = `Bitrix24 ${method}: ${code === '' ? 'error' : portal.redact(code)} ${portal.redact(words)}`.trim();
    return { code: portal.redact(code), message, effect: effectOf(code, status), resetAtMs };
  };
}

function operatingOf(method: string, time: z.output<typeof Time>): Operating | null {
  if (time?.operating === undefined) return null;
  return {
    method,
    seconds: time.operating,
    resetAtMs: time.operating_reset_at ? time.operating_reset_at * 1000 : null,
  };
}

function resetOf(time: z.output<typeof Time>, nowMs: () => number): number {
  return time?.operating_reset_at ? time.operating_reset_at * 1000 : nowMs() + BLOCK_MS;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
