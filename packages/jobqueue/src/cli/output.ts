/** Prints results on stdout as tables or JSON, and everything else on stderr. */
import Table from 'cli-table3';
import ms from 'ms';
import { wantsColour } from './environment.ts';

const write = process.stdout.write.bind(process.stdout);

/** Reserves stdout for results: output of an app's handlers goes to stderr. */
export function keepStdout(): void {
  process.stdout.write = process.stderr.write.bind(process.stderr);
  // A reader that has seen enough, such as `head`, is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** One value, as one document. */
export function printJson(value: unknown): void {
  write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Prints one value as a line of JSON. */
export function printJsonLine(value: unknown): void {
  write(`${JSON.stringify(value)}\n`);
}

export function print(line: string): void {
  write(`${line}\n`);
}

/** Prints a note on stderr, so it is never part of piped output. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Prints what was done although it may not be what was meant. A deployment of an older version warns of nothing. */
export function warn(warnings: readonly string[] = []): void {
  for (const warning of warnings) note(`warning: ${plain(warning, 300)}`);
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};
/** The widest cell, in characters: errors may be long. */
const MOST_CHARS = 70;

/** Columns in the order of the head; numbers to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number | null)[])[]): void {
  const numeric = head.map(
    (_, n) => rows.length > 0 && rows.every((row) => typeof row[n] === 'number' || row[n] === null),
  );
  const table = new Table({
    head: head.map((name) => dim(name)),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
  });
  for (const row of rows) table.push(row.map((cell) => (cell === null ? '–' : plain(String(cell)))));
  print(table.toString().replace(/ +$/gm, ''));
}

/** Text of strangers must not steer the terminal, nor break the table. */
export function plain(text: string, most = MOST_CHARS): string {
  const shown = text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
  return shown.length > most ? `${shown.slice(0, most - 1)}…` : shown;
}

/** Time ago, or time until. */
export function ago(instant: string | null, now = Date.now()): string {
  if (instant === null) return '–';
  const past = now - Date.parse(instant);
  return past >= 0 ? `${ms(past)} ago` : `in ${ms(-past)}`;
}

export function dim(text: string): string {
  return wantsColour(process.stdout) ? `\u001B[2m${text}\u001B[22m` : text;
}

const COLOURS = { red: 31, green: 32, yellow: 33 } as const;

export function coloured(colour: keyof typeof COLOURS, text: string): string {
  return wantsColour(process.stdout) ? `\u001B[${COLOURS[colour]}m${text}\u001B[39m` : text;
}
