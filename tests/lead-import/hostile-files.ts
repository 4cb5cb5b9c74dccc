/** Large files that a stranger might send: each asks for much work in a way of its own. One character is one byte. */

export interface Size {
  readonly bytes: number;
  /** A row costs 0.1 ms, whatever it holds. */
  readonly rows: number;
}

const fill = (part: string, bytes: number) => part.repeat(Math.ceil(bytes / part.length)).slice(0, bytes);
const HEADER = 'phone,name,email,notes\n';
/** Whole rows, without end and then some. */
const rowsOf =
  (row: string) =>
  ({ bytes, rows }: Size) =>
    `${HEADER}${row.repeat(Math.max(1, Math.min(Math.floor(bytes / row.length), rows)))}`;
/** One row, if `part` ends none. */
const bytesOf =
  (part: string, head = HEADER) =>
  ({ bytes }: Size) =>
    `${head}${fill(part, bytes)}`;
const columns = (count: number) => Array.from({ length: count }, (_, n) => `c${n}`).join();
const long = (part: string) => fill(part, 60_000);
const utf16 = (text: string) => Buffer.from(text, 'utf16le').toString('latin1');

export const LARGE_FILES: Readonly<Record<string, (size: Size) => string>> = {
  'a quotation mark that is never closed': rowsOf('0501234567,"x\n'),
  'quotation marks': bytesOf('"'),
  'cells that double quotation marks': ({ bytes }) => `phone,name\n0501234567,"${fill('""', bytes)}"\n`,
  'cells of a delimiter in quotation marks': bytesOf('",",'),
  'quotation marks around line ends': rowsOf('"\n'),
  'quotation marks behind text': rowsOf('a"b"c,"d"e\n'),
  'line ends': rowsOf('\n'),
  'carriage returns': rowsOf('\r'),
  delimiters: bytesOf(','),
  'rows of delimiters': rowsOf(',;|\t\n'),
  '100,000 columns': bytesOf('1,', `${columns(100_000)}\n`),
  '30,000 columns': bytesOf('1,', `phone,${fill('x,', 60_000)}\n`),
  'rows of 10,000 columns': ({ bytes }) =>
    `phone,${columns(9_999)}\n${fill(`0501234567${','.repeat(9_999)}\n`, bytes)}`,
  '10,000 columns of one name': ({ bytes }) =>
    `${fill('phone,', 59_999)}\n${fill(`${'0501234567,'.repeat(5_000)}\n`, bytes)}`,
  'rows with far more cells than the header': rowsOf(`0501234567,${fill('x,', 60_000)}\n`),
  'cells of 60 KiB': rowsOf(`0501234567,${long('n')},a@b.example,x\n`),
  'formulas of 60 KiB': rowsOf(`x,${long('=1+')}\n`),
  'a number of 60 KiB': rowsOf(`${long('0')},x\n`),
  'plus signs in place of a number': rowsOf(`${long('+')},x\n`),
  'numbers and slashes in place of a number': rowsOf(`${long('0501234567/')},x\n`),
  'digits of another script': rowsOf(`${long(Buffer.from('٠').toString('latin1'))},x\n`),
  'an address that is all at-signs': rowsOf(`0501234567,x,${long('a@')}\n`),
  'an address that is all dots': rowsOf(`0501234567,x,a@${long('a.')}\n`),
  'dots behind an at-sign, and no end': rowsOf(`0501234567,x,x@${long('a.')} y\n`),
  'blanks in place of an address': rowsOf(`0501234567,x,x${long(' ')}y\n`),
  blanks: rowsOf(`0501234567,${long(' ')}\n`),
  'blanks in place of a number': rowsOf(`${long(' ')}",x\n`),
  'one number again and again': rowsOf('0501234567,x\n'),
  'numbers that are none': rowsOf('1\n'),
  'a row that is too long': rowsOf(`0501234567,${'n'.repeat(70_000)}\n`),
  'one line': bytesOf('phone', ''),
  NULs: bytesOf('\0'),
  'bytes that are no text': bytesOf('\xff\xfe\xc0\x80\xed\xa0\x80', ''),
  'byte order marks': bytesOf('\xef\xbb\xbf', ''),
  'UTF-16': ({ bytes, rows }) => `\xff\xfe${utf16('1\n'.repeat(Math.min(rows, Math.floor(bytes / 4))))}`,
  'UTF-16 with halves of characters': bytesOf('\x00\xd8', `\xff\xfe${utf16('phone\n')}`),
  'a Windows encoding': rowsOf('0501234567,J\xfcrgen\n'),
  'sep= lines': ({ bytes, rows }) => 'sep=;\n'.repeat(Math.min(rows, Math.floor(bytes / 6))),
  'zipped bytes': bytesOf('\x00\x01\x02\x03', 'PK\x03\x04'),
};
