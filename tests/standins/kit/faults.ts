/** Faults on demand: the calls that they hit, their number, and the caller's view instead of an answer. */
import { z } from 'zod';

/** At least one of status, delayMs, reset and truncate, or nothing would go wrong. */
export const Fault = z
  .strictObject({
    /** A regular expression over `METHOD /path`; default: every call. */
    match: z.string().default(''),
    /** Calls that it hits before it is spent; null: until the plan is cleared. */
    times: z.number().int().positive().nullable().default(1),
    /** The share of matching calls that it hits, 0 to 1. */
    ratio: z.number().min(0).max(1).default(1),
    /** Waits before anything else. */
    delayMs: z.number().int().min(0).max(120_000).default(0),
    /** The connection ends before the call is processed, or after it was and before a byte of the answer. */
    reset: z.enum(['before', 'after']).nullable().default(null),
    /** Answers with this without processing the call. */
    status: z.number().int().min(200).max(599).nullable().default(null),
    headers: z.record(z.string(), z.string()).default({}),
    /** JSON if it is no string; a string is sent as text/html, like the page of an overloaded proxy. */
    body: z.unknown().optional(),
    /** Processes the call, and ends the connection in the middle of the answer. */
    truncate: z.boolean().default(false),
  })
  .refine((fault) => fault.status !== null || fault.delayMs > 0 || fault.reset !== null || fault.truncate, {
    message: 'expected at least one of status, delayMs, reset and truncate',
  });
export type Fault = z.output<typeof Fault>;

export interface FaultPlan {
  add(fault: z.input<typeof Fault>): void;
  clear(): void;
  /** The first fault that meets this call, used up by one. */
  meet(call: { readonly method: string; readonly path: string }): Fault | null;
}

/** `random`: 0 to below 1, decides for faults that hit only a share of the calls. */
export function faultPlan(random: () => number): FaultPlan {
  let faults: (Fault & { left: number })[] = [];
  return {
    add(fault) {
      const parsed = Fault.parse(fault);
      faults.push({ ...parsed, left: parsed.times ?? Number.POSITIVE_INFINITY });
    },
    clear() {
      faults = [];
    },
    meet({ method, path }) {
      const met = faults.find(({ match, ratio }) => new RegExp(match).test(`${method} ${path}`) && random() < ratio);
      if (met === undefined) return null;
      met.left--;
      faults = faults.filter(({ left }) => left > 0);
      return met;
    },
  };
}
