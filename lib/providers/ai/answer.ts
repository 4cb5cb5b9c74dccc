/** The outcome of one call of a model. Failures of the remote side are values, never thrown. */

export interface Usage {
  readonly inputTokens: number;
  /** The input tokens that came from the provider's cache. */
  readonly cachedInputTokens: number;
  /** Reasoning included. */
  readonly outputTokens: number;
}

/** Facts that are known for every outcome. */
export interface Told {
  /** `null`: the provider did not say. */
  readonly usage: Usage | null;
  /** The model that answered, which may be a dated snapshot of the one that was asked for. */
  readonly snapshot: string | null;
  /** The provider's own word. */
  readonly finishReason: string | null;
}

/** A vendor's code and message, without keys, at most 300 characters. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

export type Failure =
  /** The provider will not write this: hand over to a person. Not an error of ours, and no retry helps. */
  | ({ readonly kind: 'blocked' } & Refusal)
  /** Too quick for now. `retryAfterMs` is the provider's word, null if it gave none. */
  | ({ readonly kind: 'throttled'; readonly retryAfterMs: number | null } & Refusal)
  /** No credit or no quota for a day or more: nothing of this account works until somebody acts. */
  | ({ readonly kind: 'quota' } & Refusal)
  /** Key, permission, model, address or another setting are wrong: the same. */
  | ({ readonly kind: 'config' } & Refusal)
  /** The server or the model does not know the form that the answer was asked in: another one may work. */
  | ({ readonly kind: 'unsupported' } & Refusal)
  /** No answer, or one that says try again. `unbilled`: it never left us, or was refused before work began on it. */
  | ({ readonly kind: 'transient'; readonly unbilled: boolean } & Refusal)
  /** More input than the model takes, or than the account may send in a whole minute. */
  | ({ readonly kind: 'too_long' } & Refusal)
  /** Not the JSON that was asked for. `text` is what came, at most 4,000 characters. */
  | ({ readonly kind: 'unparsable'; readonly text: string } & Refusal)
  /** Stopped at the output cap: what there is, is half an answer. */
  | ({ readonly kind: 'truncated' } & Refusal)
  /** Any other refusal of this very request. */
  | ({ readonly kind: 'refused' } & Refusal);

export type Answer<T> = ({ readonly kind: 'ok'; readonly value: T } | Failure) & Told;

export const UNTOLD: Told = { usage: null, snapshot: null, finishReason: null };
