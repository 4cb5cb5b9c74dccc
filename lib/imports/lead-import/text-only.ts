/** Lets only UTF-8 text pass, and names the line of anything else: a wrong encoding is never guessed. */
import { isUtf8 } from 'node:buffer';
import { UnreadableFile, WrongEncoding } from './unreadable.ts';

/** Longer than any record that the parser takes: a file without line ends must not gather in memory. */
export const MAX_LINE_BYTES = 512 * 1024;

/** Refuses what is recognisably another kind of file by its first bytes. */
export function refuseForeignFormat(head: Buffer): void {
  const startsWith = (...bytes: number[]) => bytes.every((byte, index) => head[index] === byte);
  if (startsWith(0x50, 0x4b, 0x03, 0x04) || startsWith(0xd0, 0xcf, 0x11, 0xe0))
    throw new UnreadableFile(
      'file_is_spreadsheet',
      'this is a spreadsheet, whatever its name says: save it as "CSV UTF-8" and upload that',
    );
}

/** Passes on `bytes`, which start at `line`, in whole lines: no character is ever cut. */
export async function* textOnly(
  bytes: AsyncIterable<Buffer> | Iterable<Buffer>,
  firstLine: number,
): AsyncGenerator<Buffer> {
  let line = firstLine;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const text = Buffer.concat([rest, chunk]);
    // A CR at the end may be half of a line end.
    const end = Math.max(text.lastIndexOf(LF), text.subarray(0, -1).lastIndexOf(CR)) + 1;
    refuseOtherThanText(text.subarray(0, end), line);
    yield text.subarray(0, end);
    line += lineEndsIn(text.subarray(0, end));
    rest = text.subarray(end);
    if (rest.length > MAX_LINE_BYTES)
      throw new UnreadableFile('line_too_long', `line ${line} does not end within ${MAX_LINE_BYTES} bytes`, line);
  }
  refuseOtherThanText(rest, line);
  yield rest;
}

function refuseOtherThanText(text: Buffer, firstLine: number): void {
  if (isText(text)) return;
  let start = 0;
  for (let line = firstLine; ; line++) {
    let end = start;
    while (end < text.length && text[end] !== LF && text[end] !== CR) end++;
    const bytes = text.subarray(start, end);
    if (!isText(bytes)) throw refusal(bytes, line, text.subarray(start));
    start = end + (text[end] === CR && text[end + 1] === LF ? 2 : 1);
  }
}

function isText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

function refusal(bytes: Buffer, line: number, rest: Buffer): UnreadableFile {
  if (bytes.includes(0))
    return new UnreadableFile('binary_content', `line ${line} holds NUL bytes: this file is not text`, line);
  return new WrongEncoding(`line ${line} is not in UTF-8`, line, foreignLines(rest));
}

/** True if the whole lines at the beginning of a file are valid UTF-8. */
export function startsAsUtf8(head: Buffer): boolean {
  return isUtf8(head.subarray(0, head.lastIndexOf(LF) + 1 || head.length));
}

/** Enough for a suggestion: some thousand names. */
export const SAMPLE_BYTES = 64 * 1024;

/** Lines of `text` that hold more than ASCII. */
export function foreignLines(text: Buffer): Buffer {
  const lines: Buffer[] = [];
  let size = 0;
  for (let start = 0; start < text.length && size < SAMPLE_BYTES; ) {
    const end = text.indexOf(LF, start);
    const line = text.subarray(start, end === -1 ? text.length : end + 1);
    if (line.some((byte) => byte >= 0x80)) {
      lines.push(line);
      size += line.length;
    }
    start += line.length;
  }
  return Buffer.concat(lines).subarray(0, SAMPLE_BYTES);
}

function lineEndsIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) count++;
  for (let at = bytes.indexOf(CR); at !== -1; at = bytes.indexOf(CR, at + 1)) if (bytes[at + 1] !== LF) count++;
  return count;
}

const LF = 0x0a;
const CR = 0x0d;
