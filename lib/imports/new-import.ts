/** An upload as a client asks for it: whose it is, and what was chosen about it. */
import type { Encoding } from './lead-import/encoding.ts';
import type { ImportChoice } from './lead-import/options.ts';

export interface NewImport {
  /** The client's, or ours. An upload repeated under its id is the same upload. */
  readonly importId: string;
  readonly companyId: string;
  readonly fileName: string | null;
  /** The country that numbers without a country code are dialled from; `null` means the company's default. */
  readonly country: string | null;
  /** `null` = found in the file. */
  readonly delimiter: string | null;
  /** `null` = UTF-8, or what a byte order mark says, or asked about. */
  readonly encoding?: Encoding | null;
  readonly dryRun?: boolean;
  readonly options?: ImportChoice;
  /** Make the company if it does not exist. Else an unknown one is refused, because a misspelt id would be a company. */
  readonly createCompany?: boolean;
}
