/** The target of commands: a database or a deployment. Each command is written once, against this interface. */
import type { DrainReport, Health, Preview, Warned } from '../index.ts';
import type { OperatorAnswer } from '../operations/perform.ts';
import type { OperatorRequest } from '../operations/request.ts';

/** A value after JSON: instants are texts. Both targets return such values. */
export type Json<Value> = Value extends Date
  ? string
  : Value extends readonly (infer Item)[]
    ? readonly Json<Item>[]
    : Value extends object
      ? { readonly [Key in keyof Value]: Json<Value[Key]> }
      : Value;

export type Answer<Request extends OperatorRequest> = Json<OperatorAnswer<Request['action']>>;

export interface AskOptions {
  /** Ends long work after the slice under way. */
  readonly signal?: AbortSignal;
  /** Called after each slice of long work on a database. A deployment reports every twenty seconds instead. */
  readonly onProgress?: (progress: { readonly changed: number; readonly skipped: number }) => void;
}

export interface NewJob {
  readonly type: string;
  readonly payload: unknown;
  readonly options: {
    readonly priority?: number;
    readonly idempotencyKey?: string;
    readonly maxAttempts?: number;
    /** ISO 8601. */
    readonly scheduledFor?: string;
    readonly queue?: string;
  };
}

export interface DrainRequest {
  readonly queue?: string;
  readonly types?: readonly string[];
  readonly limit?: number;
  readonly budgetMs?: number;
  readonly concurrency?: number;
  readonly includePaused?: boolean;
}

export interface Target {
  readonly kind: 'database' | 'http';
  /** True if the last answer told job types with a handler from others. */
  readonly knowsTypes: boolean;
  /** Fit for a message: an address, no secret. */
  readonly name: string;
  ask<Request extends OperatorRequest>(request: Request, options?: AskOptions): Promise<Answer<Request>>;
  /** `differs`: the key is held for another payload; a deployment refuses that. */
  enqueue(job: NewJob): Promise<{ readonly id: string; readonly duplicate: boolean; readonly differs?: true }>;
  drain(request: DrainRequest, options?: { readonly signal?: AbortSignal }): Promise<DrainReport & Warned>;
  /** Jobs that a drain would find due. */
  foresee(request: DrainRequest): Promise<Preview & Warned>;
  health(): Promise<Health>;
  close(): Promise<void>;
}
