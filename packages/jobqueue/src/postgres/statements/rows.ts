/** Of a statement that answers one row: that row. */
export function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('expected one row from Postgres, got none');
  return row;
}
