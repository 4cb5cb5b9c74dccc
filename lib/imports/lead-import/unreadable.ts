/** The reasons that make a whole file unfit to import. The uploader sees them; they are never retried. */

export type UnreadableCode =
  | 'file_empty'
  | 'file_is_spreadsheet'
  | 'encoding_unsupported'
  | 'binary_content'
  | 'line_too_long'
  | 'record_too_long'
  | 'quote_unbalanced'
  | 'rows_swallowed'
  | 'too_many_rows'
  | 'phone_column_missing'
  | 'header_missing'
  | 'columns_unknown'
  | 'mapping_unknown';

export class UnreadableFile extends Error {
  override readonly name = 'UnreadableFile';
  readonly code: UnreadableCode;
  /** The first line that cannot be read, counted from 1; `null` when the file as a whole is meant. */
  readonly line: number | null;

  constructor(code: UnreadableCode, message: string, line: number | null = null) {
    super(message);
    this.code = code;
    this.line = line;
  }
}

/** Not in the encoding that it was read in. Not a refusal yet: somebody may know which one it is. */
export class WrongEncoding extends UnreadableFile {
  /** Lines around the first mistake that hold more than ASCII: what a suggestion is made from. */
  readonly sample: Buffer;

  constructor(message: string, line: number | null, sample: Buffer) {
    super('encoding_unsupported', message, line);
    this.sample = sample;
  }
}
