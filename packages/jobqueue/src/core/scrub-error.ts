/** The parts of an error that may go to logs and traces kept by others: its name, and its message without the job's data. Pure. */
import { type StoredError, storableText } from './serialize.ts';

/** An error without the job's data, fit for logs and traces. Its message has at most 500 bytes. */
export interface ScrubbedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** One line in a log or a trace; the whole message stands with the job. */
const MESSAGE_BYTES = 500;
/** Shorter texts are words and small numbers, which say nothing about anybody. */
const SHORTEST = 4;
/** Long texts are matched by their first characters, because a quoting error may truncate them. */
const BEGINNING = 64;
/** Payloads name their data. With more values than this the message is withheld: to look for them all would take the other jobs' time. */
const MOST_VALUES = 1_000;

/** `data`: the job's payload and state. Their texts and numbers are taken out of the message: an error may quote what it could not use. */
export function scrubError(error: StoredError, data: readonly unknown[]): ScrubbedError {
  const { name, message, code } = error;
  return { name, message: withoutData(message, data), ...(code !== undefined && { code }) };
}

function withoutData(message: string, data: readonly unknown[]): string {
  const values = leavesOf(data);
  if (values === null) return '[withheld: the job holds too many values to look for them in its error]';
  const quoted = [...values]
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1)])
    .filter((value) => value.length >= SHORTEST && message.includes(value.slice(0, BEGINNING)))
    .sort((a, b) => b.length - a.length); // of two values the longer one first: it may hold the other
  return storableText(quoted.reduce(without, message), MESSAGE_BYTES);
}

function without(text: string, value: string): string {
  const whole = text.replaceAll(value, '[data]');
  const at = value.length > BEGINNING ? whole.indexOf(value.slice(0, BEGINNING)) : -1;
  return at < 0 ? whole : `${whole.slice(0, at)}[data]`; // nobody knows where the quoted part ends
}

/** The texts and numbers at the ends of `data`, or null if they are too many. */
function leavesOf(data: readonly unknown[]): ReadonlySet<string> | null {
  const leaves = new Set<string>();
  const waiting: unknown[] = [...data];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value === 'string' || typeof value === 'number') leaves.add(String(value));
    if (typeof value !== 'object' || value === null) continue;
    const parts = Object.values(value);
    if (leaves.size + waiting.length + parts.length > MOST_VALUES) return null;
    waiting.push(...parts);
  }
  return leaves;
}
