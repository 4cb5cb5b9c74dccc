/** The queue's log. It knows no logger: the app provides one. */

/** `fields` are JSON values, never a payload or a secret; an `error` among them is as it was thrown. */
export type Log = (level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>) => void;

/** Severity of a log line, ascending. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Without a logger only what needs somebody's attention is said: one JSON line on stderr, names and messages of errors alone. */
export const logToStderr: Log = (level, event, fields) => {
  if (level === 'debug' || level === 'info') return;
  const plain = (_: string, value: unknown) => (value instanceof Error ? `${value.name}: ${value.message}` : value);
  process.stderr.write(`${JSON.stringify({ level, event, ...fields }, plain)}\n`);
};
