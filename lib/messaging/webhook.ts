/** From the body of a webhook to jobs: one for each change, split where one job could not hold it. */
import { createHash } from 'node:crypto';
import { HttpError } from '../http/errors.ts';
import { WebhookBody } from '../providers/whatsapp/events.ts';

export interface Piece {
  readonly payload: { accountId: string; field: string; value: Record<string, unknown> };
  /** By its content: the same piece sent twice is one job. */
  readonly key: string;
}

/** A job's payload takes 256 KiB; JSON that is stored anew may be somewhat longer. */
const PIECE_BYTES = 128 * 1024;
/** Where a change holds many of a kind. */
const LISTS = ['messages', 'statuses', 'user_preferences'] as const;

/** Throws 400 for what is no webhook, and for one thing in it that is larger than a job may be. */
export function piecesOf(body: Uint8Array): Piece[] {
  const parsed = WebhookBody.safeParse(json(body));
  if (!parsed.success || parsed.data.object !== 'whatsapp_business_account')
    throw new HttpError(400, 'request_invalid', 'The body is not a webhook of a WhatsApp business account.');
  const pieces = parsed.data.entry.flatMap(({ id, changes }) =>
    changes.flatMap(({ field, value }) => split(value).map((part) => ({ accountId: id, field, value: part }))),
  );
  return pieces.map((payload) => ({
    payload,
    key: createHash('sha256').update(JSON.stringify(payload)).digest('base64url'),
  }));
}

/** Halves the longest list until each piece fits: what belongs together in a list is independent of its neighbours. */
function split(value: Record<string, unknown>): Record<string, unknown>[] {
  if (Buffer.byteLength(JSON.stringify(value)) <= PIECE_BYTES) return [value];
  const lists = LISTS.map((name) => [name, value[name]] as const);
  const [name, list] = lists.reduce((longest, one) => (sizeOf(one[1]) > sizeOf(longest[1]) ? one : longest));
  if (!Array.isArray(list) || list.length < 2)
    throw new HttpError(400, 'request_invalid', `Expected events of at most ${PIECE_BYTES} bytes each.`);
  const middle = list.length >> 1;
  const { [name]: _, ...rest } = value;
  // The other lists go with the first half alone.
  const others = Object.fromEntries(Object.entries(rest).filter(([key]) => !LISTS.some((one) => one === key)));
  return [...split({ ...rest, [name]: list.slice(0, middle) }), ...split({ ...others, [name]: list.slice(middle) })];
}

function sizeOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

function json(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined; // signed, and yet no JSON: refused like any other stranger's body
  }
}
