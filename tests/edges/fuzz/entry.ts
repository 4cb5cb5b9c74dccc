/** An entry point of the app as the fuzzing sees it: how it is asked, with which keys, and what it answered. */

import type { Arbitrary } from '../../support/property.ts';
import type { Secret } from './environment.ts';

/** A file as a browser sends it; each character of `bytes` is one byte, so that a failing case can be read. */
export interface SentFile {
  readonly fileName: string;
  readonly bytes: string;
}
export type Fields = Readonly<Record<string, string | SentFile>>;

/** A request, as a case is drawn and printed. */
export interface Asked {
  /** Fills the parameters of the path, as text. */
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: object;
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Sent as multipart/form-data instead of a body. */
  readonly form?: Fields;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly status: number;
  readonly text: string;
  /** True if nothing was to be done: a status from 400 on, or the way back to a form that was refused. */
  readonly isRefused: boolean;
  /** True if the proxy refused it before it looked at who sends it: `visitor.ts` knows for what. */
  readonly isUnread?: boolean;
}

/** The key that opens an entry; any other one must not. */
export const RIGHT = 'right';

export interface Entry {
  /** Unique: the name of its test. */
  readonly name: string;
  /** What it covers, as `places.ts` names it in the file tree. */
  readonly place: string;
  readonly asked: Arbitrary<Asked>;
  readonly send: (asked: Asked, key: string) => Promise<Outcome>;
  /** Keys that must not open it. Empty: it is open to everybody. */
  readonly wrongKeys: readonly string[];
  /** The bearer secret that is its right key. */
  readonly secret?: Secret;
  /** True if `outcome` is the answer to the wrong key `key`. Default: 401 or 403. */
  readonly isClosed?: (outcome: Outcome, key: string) => boolean;
  /** True for questions: they write nothing even when they are answered. */
  readonly reads?: boolean;
  /** Tables besides the audit log that a refused request may write all the same. */
  readonly notes?: readonly string[];
  /** Statuses from 500 on that are no fault. */
  readonly ownFaults?: readonly number[];
  /** SQL that is run before each case. */
  readonly before?: string;
  /** Divides its share of the cases: it takes longer than others. */
  readonly slow?: number;
}

/** Audit lines are written before the work that they name, so that nothing is done without one. */
export const AUDIT = 'jobqueue.audit_log';
/** A refused form is kept for the person who typed it. */
export const KEPT = 'public.kept_forms';

/** The statuses that shut a door. 414 comes before any door. */
export const isShut = ({ status }: Outcome): boolean => status === 401 || status === 403 || status === 414;

export function formData(fields: Fields, rename: (name: string) => string = (name) => name): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields))
    form.append(
      rename(name),
      typeof value === 'string' ? value : new File([Buffer.from(value.bytes, 'latin1')], value.fileName),
    );
  return form;
}

export function withQuery(url: string, query: object = {}): URL {
  const to = new URL(url);
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : [value])
      to.searchParams.append(name, typeof one === 'string' ? one : String(JSON.stringify(one)));
  return to;
}
