/** Pauses an import that needs an answer: it has no job while it waits, its file is kept, and the wait ends after a limit. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Sound } from './check.ts';
import { type Encoding, suggestEncoding } from './encoding.ts';
import type { SwallowedRows } from './quotes.ts';
import type { WrongEncoding } from './unreadable.ts';

export type Question =
  /** The file is not UTF-8, or not in the encoding that was named. Only a person can see which one is right. */
  | {
      readonly code: 'encoding';
      readonly message: string;
      readonly line?: number;
      readonly suggested: Encoding;
      readonly confidence: number;
      readonly alternatives: readonly Encoding[];
    }
  /** A cell goes on over lines that look like rows. Only a person can see whether they are rows. */
  | {
      readonly code: 'quotes';
      readonly message: string;
      readonly line: number;
      /** The line that the cell ends on. */
      readonly lastLine: number;
    }
  /** A preview was asked for, and the columns have to be chosen first. */
  | { readonly code: 'columns'; readonly message: string }
  /** A preview was asked for, and everything is ready. */
  | { readonly code: 'preview'; readonly message: string };

/** After these days without an answer the import is cancelled: its file is people's data that nobody looks after. */
export const HOLD_DAYS = 7;

/** `sample` is what the suggestion is made from; `read` the encoding that the file was read in, or `null` for UTF-8: it is suggested no more. */
export function encodingQuestion({ message, line }: WrongEncoding, sample: Buffer, read: Encoding | null): Question {
  const { encoding: suggested, ...rest } = suggestEncoding(sample, read);
  return {
    code: 'encoding',
    message: `${message}: look at the preview and confirm an encoding, or save the file as "CSV UTF-8" and upload that`,
    ...(line === null ? {} : { line }),
    suggested,
    ...rest,
  };
}

export function quotesQuestion({ message, lines: [line, lastLine] }: SwallowedRows): Question {
  const choice = 'confirm quotes "lines" if they are rows, or "cells" if they all belong into that cell';
  return { code: 'quotes', message: `${message}: look at these lines, then ${choice}`, line, lastLine };
}

/**
 * Keeps the question, with what the check found if it came so far, and enqueues the job that ends the wait. Does nothing where the
 * import no longer runs.
 */
export async function holdImport(
  database: Executor,
  importId: string,
  question: Question,
  sound: Sound | null = null,
): Promise<void> {
  const found = sound && JSON.stringify(sound.layout);
  await database.execute({
    text: HOLD,
    params: [
      importId,
      JSON.stringify(question),
      found,
      sound?.firstRow.offset ?? null,
      sound?.firstRow.row ?? null,
      sound?.rows ?? null,
      sound?.mapping ?? null,
    ],
  });
}

const HOLD = `
with held as (
  update imports
  set status = 'waiting', held_at = now(), question = $2::jsonb,
      layout = $3::jsonb, next_offset = $4::bigint, next_row = $5::int, rows_total = $6::int, mapping = $7
  where id = $1 and status = 'running' and layout is null
  returning id, company_id, goes
)
select job.id
from held
cross join lateral jobqueue.add_job('lead_import', jsonb_build_object('companyId', held.company_id, 'importId', held.id),
  delay_ms => ${HOLD_DAYS} * 86400000.0, idempotency_key => 'lead_import:' || held.id || ':held:' || held.goes) as job
`;
