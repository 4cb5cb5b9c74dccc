/** Maps the outcome of one call to its effects: on its recipient, and on everything else to be sent. Pure. */
import { type Effect, inShort, type SendOutcome, throttleMs, type WhatsAppError } from '../../providers/whatsapp.ts';
import type { Claimed } from './claim.ts';

/** The input of settle_recipients. */
export interface Outcome {
  readonly id: string;
  readonly claim: string;
  readonly opaqueId: string;
  readonly to: 'accepted' | 'failed' | 'unknown' | 'pending' | 'deferred';
  /** The result of the call; null: no call was made. */
  readonly call: 'accepted' | 'refused' | 'unsent' | 'unknown' | null;
  /** True if the call counts as one of the limited attempts of this message. */
  readonly counts: boolean;
  readonly wamid?: string;
  readonly code?: number;
  readonly error?: string;
  readonly delayMs?: number;
  readonly reason?: 'outage' | 'throttled' | 'pair_limit' | 'retry' | 'capped' | 'held';
  readonly optedOut?: boolean;
}

/** Why nothing more is to be sent for now, the gravest first. */
export type Halt =
  | { readonly kind: 'fail_campaign'; readonly code: string; readonly message: string }
  | { readonly kind: 'pause_channel'; readonly code: string; readonly message: string }
  | { readonly kind: 'pause_campaign'; readonly code: string; readonly message: string }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number }
  | { readonly kind: 'outage'; readonly error: Error };

export interface Verdict {
  readonly outcome: Outcome;
  readonly halt: Halt | null;
}

/** The most attempts of a message that Meta could not take at the moment: after waits of 4, 16, 64 and 256 seconds it has failed. */
const MAX_ATTEMPTS = 5;
/** Meta's cap counts a day; a tenth more, spread, so that those who were capped together do not come back together. */
const CAPPED_MS = 24 * 3_600_000;
const CAPPED_SPREAD = 0.1;

/** Nobody called: the recipient waits as if it had never been claimed. */
export function unstarted({ id, claim, opaqueId }: Claimed): Outcome {
  return { id, claim, opaqueId, to: 'pending', call: null, counts: false };
}

/** Its own line at Meta is busy: only this recipient waits. */
export function heldPair({ id, claim, opaqueId }: Claimed, delayMs: number): Outcome {
  return { id, claim, opaqueId, to: 'deferred', call: null, counts: false, delayMs, reason: 'pair_limit' };
}

/** A message that Meta would refuse, found before the call: the message has failed as if it had. */
export function failedHere(
  { id, claim, opaqueId }: Claimed,
  { code, error }: { code: number; error: string },
): Outcome {
  return { id, claim, opaqueId, to: 'failed', call: null, counts: true, code, error };
}

/** `random`: 0 to below 1. */
export function judge(claimed: Claimed, sent: SendOutcome, random: () => number): Verdict {
  const { id, claim, opaqueId } = claimed;
  const its = { id, claim, opaqueId };
  switch (sent.kind) {
    case 'accepted':
      return {
        outcome: { ...its, to: 'accepted', call: 'accepted', counts: true, wamid: sent.wamid },
        halt: sent.state === 'paused' ? PACED : null,
      };
    case 'unsent':
      return {
        outcome: { ...its, to: 'pending', call: 'unsent', counts: false, error: sent.error.message, reason: 'outage' },
        halt: { kind: 'outage', error: sent.error },
      };
    case 'unknown':
      return {
        outcome: { ...its, to: 'unknown', call: 'unknown', counts: true, error: sent.error.message },
        halt: null,
      };
    case 'refused':
      return judgeRefusal(claimed, sent.error, random);
  }
}

function judgeRefusal(claimed: Claimed, refusal: WhatsAppError, random: () => number): Verdict {
  const { id, claim, opaqueId, attempt, wasCapped } = claimed;
  const { code } = refusal;
  const error = inShort(refusal); // not Meta's details: they may quote what was sent
  const its = { id, claim, opaqueId, call: 'refused' as const, counts: true, code, error };
  const failed: Outcome = { ...its, to: 'failed' };
  const halted = (kind: 'fail_campaign' | 'pause_channel' | 'pause_campaign'): Halt => ({
    kind,
    code: String(code),
    message: error,
  });
  switch (refusal.effect) {
    case 'retry': {
      if (attempt >= MAX_ATTEMPTS) return { outcome: failed, halt: null };
      const delayMs = Math.max(throttleMs(attempt), refusal.retryAfterMs ?? 0);
      return { outcome: { ...its, to: 'deferred', delayMs, reason: 'retry' }, halt: null };
    }
    case 'throttle_pair': {
      if (attempt >= MAX_ATTEMPTS) return { outcome: failed, halt: null };
      const delayMs = Math.max(throttleMs(attempt), refusal.retryAfterMs ?? 0);
      return { outcome: { ...its, to: 'deferred', delayMs, reason: 'pair_limit' }, halt: null };
    }
    case 'throttle_app':
    case 'throttle_account':
    case 'throttle_number': {
      const outcome: Outcome = { ...its, to: 'pending', counts: false, reason: 'throttled' };
      return { outcome, halt: { kind: 'throttled', retryAfterMs: refusal.retryAfterMs ?? 0 } };
    }
    case 'ambiguous':
      return { outcome: { ...its, to: 'unknown', call: 'unknown' }, halt: null };
    case 'pause_channel':
      return { outcome: { ...its, to: 'pending', counts: false, reason: 'held' }, halt: halted('pause_channel') };
    case 'pause_campaign':
      return { outcome: { ...its, to: 'pending', counts: false, reason: 'held' }, halt: halted('pause_campaign') };
    case 'fail_campaign':
      return { outcome: failed, halt: halted('fail_campaign') };
    case 'pause_template':
      return { outcome: { ...its, to: 'pending', counts: false, reason: 'held' }, halt: halted('pause_campaign') };
    case 'capped': {
      if (wasCapped) return { outcome: failed, halt: null };
      const delayMs = CAPPED_MS * (1 + CAPPED_SPREAD * random());
      return { outcome: { ...its, to: 'deferred', delayMs, reason: 'capped' }, halt: null };
    }
    case 'opted_out':
      return { outcome: { ...failed, optedOut: true }, halt: null };
    case 'fail_parameters': // the breaker knows whether it is the template's fault
    case 'fail_message':
    case 'unreachable':
    case 'window_closed':
      return { outcome: failed, halt: null };
  }
}

/** Meta refuses the template, whoever it is for. */
export function isOfTemplate(effect: Effect): boolean {
  return effect === 'fail_campaign' || effect === 'pause_template';
}

/** The verdict for a refused translation: this person gets the campaign's own language next, and nobody else is affected. */
export function withoutTranslation({ outcome }: Verdict): Verdict {
  return { outcome: { ...outcome, to: 'pending', counts: false, reason: 'retry' }, halt: null };
}

const PACED: Halt = {
  kind: 'pause_campaign',
  code: 'template_paced',
  message: 'Meta holds the messages of this template back to see how people take the first ones',
};

const GRAVITY = ['fail_campaign', 'pause_channel', 'pause_campaign', 'throttled', 'outage'] as const;

export function gravest(halts: readonly Halt[]): Halt | null {
  const order = (halt: Halt) => GRAVITY.indexOf(halt.kind);
  return halts.toSorted((a, b) => order(a) - order(b))[0] ?? null;
}
