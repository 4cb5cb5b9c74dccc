/** Runs one claimed job: loads its handler, checks its payload, and turns whatever happens into an outcome. */
import { type Around, within } from '../core/around.ts';
import { NonRetryableError } from '../core/errors.ts';
import {
  type Child,
  isCancel,
  isContinue,
  type Job,
  type JobContext,
  type Progress,
  type RateLimit,
  type RunningJob,
} from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import { ownPayload } from '../core/payload.ts';
import { redactIssues } from '../core/redact.ts';
import { bytesOf, storableError, storableJson, storableText } from '../core/serialize.ts';
import { type Outcome, retryAfterMs } from '../core/settle.ts';
import { type LimitedRun, rateLimitOf } from '../rate-limits/handler-limit.ts';
import { loadHandler } from './handler-loader.ts';

/** The most issues kept of an invalid payload: 2 × 20 × 200 bytes is as much as an error may take. */
const MAX_ISSUES = 20;
const ISSUE_BYTES = 200;

/** Why a run was told to end. */
export type AbortReason = 'timeout' | 'deadline' | 'shutdown' | 'revoked';

export interface RunInput extends LimitedRun {
  readonly definition: Job;
  /** The queue's functions around every handler. */
  readonly around: readonly Around[];
  /** 1 on the first run. */
  readonly attempt: number;
  readonly payload: unknown;
  /** The reason for which this run was told to end so far, read when the handler has ended. */
  readonly abortReason: AbortReason | null;
  /** The job as its handler sees it: made when asked for, like signal and deadline. */
  toJob(): RunningJob;
  checkpoint(stateJson: string): Promise<void>;
  progress(progressJson: string): void;
  children(): AsyncIterable<Child>;
}

/** The run's outcome; never rejects. */
export async function run(input: RunInput): Promise<Outcome> {
  const { definition, attempt } = input;
  let context: Context | null = null;
  try {
    const handler = await loadHandler(definition);
    const parsed = await definition.payload['~standard'].validate(input.payload);
    if (parsed.issues) {
      const found = redactIssues(definition.payload, input.payload, parsed.issues.slice(0, MAX_ISSUES));
      const issues = found.map(({ path, message }) => ({
        path: storableText(path, ISSUE_BYTES),
        message: storableText(message, ISSUE_BYTES),
      }));
      const message = `the stored payload no longer fits the schema of '${definition.type}'`;
      const error = { name: 'PayloadError', code: 'payload_invalid', message, attempt, issues };
      return { kind: 'failed', error, retryAfterMs: 0, forGood: true };
    }
    context = new Context(input, ownPayload(definition.payload, parsed.value));
    const value = input.around.length === 0 ? handler(context) : within(input.around, context, handler);
    return withPostponement(context, fromValue(input, await value));
  } catch (thrown) {
    if (context !== null && context.postponedMs !== null) return { kind: 'postponed', delayMs: context.postponedMs };
    try {
      return fromThrown(input, thrown);
    } catch {
      // a getter or a revoked proxy: even reading what was thrown throws, and that must not end the whole process
      return fromThrown(input, new Error('a handler threw a value that cannot be read'));
    }
  }
}

/** A handler that caught its postponement has not done its work, unless it says in so many words how the job goes on. */
function withPostponement({ postponedMs }: Context, outcome: Outcome): Outcome {
  if (postponedMs === null || outcome.kind === 'cancelled') return outcome;
  if (outcome.kind === 'continued') return { ...outcome, delayMs: Math.max(outcome.delayMs, postponedMs) };
  return { kind: 'postponed', delayMs: postponedMs };
}

/** The outcome of a run that did not end although it was aborted. */
export function abandoned(input: RunInput, abortReason: AbortReason): Outcome {
  const error = storableError(abortError(input, abortReason, 'and ignored its signal'), input.attempt);
  if (abortReason === 'timeout') return { kind: 'failed', error, retryAfterMs: 0, forGood: false };
  return { kind: 'interrupted', error };
}

/** The handler's view of its job. All but the payload is made when asked for: most quick handlers never do. */
class Context implements JobContext<unknown> {
  readonly payload: unknown;
  readonly #input: RunInput;
  #job: RunningJob | null = null;
  #rateLimit: RateLimit | null = null;
  /** Time until the token for which a rate limit postponed this run; null if none did. */
  postponedMs: number | null = null;

  constructor(input: RunInput, payload: unknown) {
    this.#input = input;
    this.payload = payload;
  }

  get job(): RunningJob {
    this.#job ??= this.#input.toJob();
    return this.#job;
  }

  get signal(): AbortSignal {
    return this.#input.signal();
  }

  get deadline(): Date {
    return this.#input.deadline();
  }

  get rateLimit(): RateLimit {
    const postponed = (delayMs: number) => {
      this.postponedMs = Math.max(this.postponedMs ?? 0, delayMs);
    };
    this.#rateLimit ??= rateLimitOf(this.#input, postponed);
    return this.#rateLimit;
  }

  // Handlers destructure their context, so these come bound.
  get children(): () => AsyncIterable<Child> {
    return () => this.#input.children();
  }

  get checkpoint(): (state: unknown) => Promise<void> {
    return (state) => this.#checkpoint(state);
  }

  get progress(): (progress: Progress) => void {
    return (progress) => this.#progress(progress);
  }

  /** Throws at once for a state that cannot be kept, and hands out the very promise that a handler may drop. */
  #checkpoint(state: unknown): Promise<void> {
    if (state === undefined || state === null)
      throw new TypeError(`checkpoint expects a state to go on from, got ${state}`);
    return this.#input.checkpoint(boundedState(state));
  }

  #progress(progress: Progress): void {
    const { done, total, note } = progress;
    this.#input.progress(
      storableJson({
        done,
        ...(total !== undefined && { total }),
        ...(note && { note: note.slice(0, LIMITS.progressNoteChars) }),
      }),
    );
  }
}

function boundedState(state: unknown): string {
  const json = storableJson(state);
  const bytes = bytesOf(json);
  if (bytes > LIMITS.stateBytes)
    throw new NonRetryableError(`a job's state may take ${LIMITS.stateBytes} bytes of JSON, got ${bytes}`);
  return json;
}

function fromValue({ definition, attempt }: RunInput, value: unknown): Outcome {
  if (isContinue(value))
    return { kind: 'continued', state: boundedState(value.state), delayMs: Math.max(0, value.delayMs) };
  if (isCancel(value)) return { kind: 'cancelled', reason: String(value.reason) };
  const result = storableJson(value);
  const bytes = bytesOf(result);
  if (bytes <= LIMITS.resultBytes) return { kind: 'completed', result };
  // running it again would give the same: an operator has to see it
  const error = new NonRetryableError(
    `'${definition.type}' may return ${LIMITS.resultBytes} bytes of JSON, got ${bytes}`,
  );
  return {
    kind: 'failed',
    error: { ...storableError(error, attempt), code: 'result_too_large' },
    retryAfterMs: 0,
    forGood: true,
  };
}

function fromThrown(input: RunInput, thrown: unknown): Outcome {
  const forGood = thrown instanceof NonRetryableError;
  const { abortReason, attempt } = input;
  if (abortReason === null || forGood) {
    const waitMs = retryAfterMs(thrown, Date.now());
    return { kind: 'failed', error: storableError(thrown, attempt), thrown, retryAfterMs: waitMs, forGood };
  }
  const error = storableError(abortError(input, abortReason, 'and threw', thrown), attempt);
  if (abortReason === 'timeout') return { kind: 'failed', error, retryAfterMs: 0, forGood: false };
  return { kind: 'interrupted', error };
}

function abortError(
  { definition }: Pick<RunInput, 'definition'>,
  reason: AbortReason,
  then: string,
  cause?: unknown,
): Error {
  const why = {
    timeout: `ran past its timeout of ${definition.timeoutMs} ms`,
    deadline: "was cut by its drain's deadline",
    shutdown: 'was cut by a shutdown',
    revoked: 'no longer held its job',
  }[reason];
  const error = new Error(`'${definition.type}' ${why} ${then}`, { cause });
  error.name = reason === 'timeout' ? 'TimeoutError' : 'InterruptedError';
  return error;
}
