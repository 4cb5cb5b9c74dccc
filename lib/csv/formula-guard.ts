/** The apostrophe that keeps spreadsheets from running a cell as a formula: put on when we export, taken off when we import. */

/** Matches a cell that a spreadsheet would run as a formula (OWASP, ASVS 1.2.10), also behind blanks or in full width. */
const FORMULA = /^['\s]*[=+\-@\t\r\n＝＋－＠]/;
const PHONE = /^\+\d{7,15}$/;

/** `cell` as an export may show it. Numbers in E.164 stay plain: digits behind a plus compute nothing. */
export function guard(cell: string): string {
  return FORMULA.test(cell) && !PHONE.test(cell) ? `'${cell}` : cell;
}

/** Undoes `guard`, and the same apostrophe put there by hand: for every cell, `unguard(guard(cell))` is the cell. */
export function unguard(cell: string): string {
  return cell.startsWith("'") && FORMULA.test(cell.slice(1)) ? cell.slice(1) : cell;
}
