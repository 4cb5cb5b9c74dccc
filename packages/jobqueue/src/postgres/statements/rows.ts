/** Decoders of rows. */

/** Returns the row of a statement that answers one row. */
export function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('expected one row from Postgres, got none');
  return row;
}

/** An instant, which statements answer as ms since 1970. */
export function dateOf(ms: number): Date;
export function dateOf(ms: number | null): Date | null;
export function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
