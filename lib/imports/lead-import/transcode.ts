/** Turns an upload in another encoding into UTF-8 once, in slices that end with a line: so each can begin with a fresh decoder. */

import type { Executor } from '@conversure/jobqueue/postgres';
import iconv from 'iconv-lite';
import { type Encoding, isDamaged } from './encoding.ts';
import { foreignLines, MAX_LINE_BYTES, SAMPLE_BYTES } from './text-only.ts';
import { UnreadableFile, WrongEncoding } from './unreadable.ts';

/** A piece of the upload, in its own bytes, and its text. The pieces join without a gap. */
export interface Piece {
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly text: Buffer;
}

/**
 * `bytes` are the upload from `fromOffset` on, which is its beginning or the end of a piece; `line` is what to call its first
 * line. Throws `WrongEncoding` at bytes that mean nothing in `encoding`: it is another one, or damaged.
 */
export async function* transcode(
  bytes: AsyncIterable<Buffer>,
  encoding: Encoding,
  fromOffset: number,
): AsyncGenerator<Piece> {
  let from = fromOffset;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = endOfLines(rest, encoding);
    if (end > 0) {
      yield piece(rest.subarray(0, end), encoding, from);
      from += end;
      rest = rest.subarray(end);
    }
    if (rest.length > MAX_LINE_BYTES)
      throw new UnreadableFile('line_too_long', `a line does not end within ${MAX_LINE_BYTES} bytes`);
  }
  if (rest.length > 0) yield piece(rest, encoding, from);
}

/** Decodes the whole lines at the beginning of a file, or all of it if no line ends. Never throws. */
export function decodeHead(head: Buffer, encoding: Encoding, isWhole: boolean): string {
  const end = isWhole ? head.length : endOfLines(head, encoding) || head.length;
  return iconv.decode(head.subarray(0, end), encoding, { stripBOM: true });
}

function piece(bytes: Buffer, encoding: Encoding, fromOffset: number): Piece {
  const text = iconv.decode(bytes, encoding, { stripBOM: fromOffset === 0 });
  if (isDamaged(text, bytes, encoding))
    throw new WrongEncoding(
      `some bytes between ${fromOffset} and ${fromOffset + bytes.length} mean nothing in ${encoding}`,
      null,
      sampleOf(bytes, encoding),
    );
  return { fromOffset, toOffset: fromOffset + bytes.length, text: Buffer.from(text) };
}

/** The bytes that a suggestion is made from: lines from the first damaged one on; of UTF-16, whose lines do not end with a byte, whole units. */
function sampleOf(bytes: Buffer, encoding: Encoding): Buffer {
  if (encoding.startsWith('utf-16')) return bytes.subarray(0, SAMPLE_BYTES);
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LF, start);
    const line = bytes.subarray(start, end === -1 ? bytes.length : end + 1);
    if (isDamaged(iconv.decode(line, encoding), line, encoding)) return foreignLines(bytes.subarray(start));
    start += line.length;
  }
  return foreignLines(bytes);
}

/**
 * Behind the last line end. In no encoding that is offered a byte below 0x30 is a part of another character, but for UTF-16,
 * where a unit is two bytes.
 */
function endOfLines(bytes: Buffer, encoding: Encoding): number {
  if (!encoding.startsWith('utf-16')) return Math.max(bytes.lastIndexOf(LF), bytes.lastIndexOf(CR)) + 1;
  const [low, high] = encoding === 'utf-16le' ? [0, 1] : [1, 0];
  for (let at = bytes.length - (bytes.length % 2) - 2; at >= 0; at -= 2)
    if (bytes[at + high] === 0 && (bytes[at + low] === LF || bytes[at + low] === CR)) return at + 2;
  return 0;
}

const LF = 0x0a;
const CR = 0x0d;

/** Keeps a piece's text; `false` where the import moved on, or ended, without this run. */
export async function storePiece(database: Executor, importId: string, piece: Piece): Promise<boolean> {
  const stored = await database.execute({
    text: STORE,
    params: [importId, piece.fromOffset, piece.toOffset, piece.text.length, piece.text.toString('base64')],
  });
  return stored.length === 1;
}

const STORE = `
with upload as (
  select id, coalesce(text_bytes, 0) as text_bytes
  from imports
  where id = $1 and status = 'running' and layout is null and coalesce(decoded_offset, 0) = $2::bigint
  for update
), stored as (
  insert into import_texts (import_id, start_offset, size_bytes, data)
  select id, text_bytes, $4::int, decode($5, 'base64') from upload where $4::int > 0
)
update imports i
set decoded_offset = $3::bigint, text_bytes = upload.text_bytes + $4::int
from upload
where i.id = upload.id
returning i.id
`;
