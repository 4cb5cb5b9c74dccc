/** Prints the result of the import: the database, the error file and the endpoint, compared with each other. */

import type { Database } from '@conversure/jobqueue/postgres';
import { parse } from 'csv-parse/sync';
import { SetupError } from '../setup-error.ts';
import type { DemoApi } from './api.ts';
import type { Check } from './proof.ts';
import type { Imported } from './stages/import.ts';
import { table } from './table.ts';

export interface Findings {
  readonly leads: readonly (readonly [outcome: string, rows: number])[];
  readonly refusals: readonly (readonly [code: string, rows: number, example: string])[];
  readonly failure: string | null;
  /** Checks that hold for every file. */
  readonly checks: readonly Check[];
  /** Not one lead of this file was new: an earlier run has imported it. */
  readonly repeated: boolean;
}

export async function findings(database: Database, api: DemoApi, { jobId, view }: Imported): Promise<Findings> {
  const { rows, created, updated, unchanged, duplicates, skipped, errors } = view.counts;
  const [job, refused, stored] = await Promise.all([
    api.readJob(jobId),
    api.errorFile(view.importId).then(readErrors),
    readStored(database, view.importId),
  ]);
  const told = { created, updated, unchanged, skipped, duplicate: duplicates, error: errors };
  const outcomes = created + updated + unchanged + skipped + duplicates + errors;
  const blank = (rows ?? 0) - outcomes;
  const blankRows = blank > 0 ? ` + ${blank} blank` : '';
  return {
    leads: [
      ['created', created],
      ['updated', updated],
      ['unchanged', unchanged],
      ['duplicate in the file', duplicates],
      ['refused', errors],
    ],
    refusals: byCode(refused),
    failure: view.failure && `${view.failure.code}: ${view.failure.message}`,
    checks: [
      { claim: `the import is completed`, holds: view.status === 'completed' },
      { claim: `its job ${jobId} is COMPLETED after ${job.attempts} attempt(s)`, holds: job.status === 'COMPLETED' },
      {
        claim: `the rows add up: ${created} created + ${updated} updated + ${unchanged} unchanged + ${duplicates} duplicate + ${errors} refused${blankRows} = ${rows}`,
        holds:
          rows !== null && blank >= 0 && Object.entries(told).every(([name, n]) => n === (stored.outcomes[name] ?? 0)),
      },
      { claim: `${created} leads of this import stand in the table`, holds: stored.leads === created },
      {
        claim: `the error file holds the ${errors} refused rows, each with its reason`,
        holds: refused.length === errors,
      },
    ],
    repeated: created === 0 && unchanged > 0,
  };
}

/** The findings as they are printed. */
export function summaryOf({ leads, refusals, failure, repeated }: Findings): string[] {
  return [
    '',
    ...table(['rows of the file', 'rows'], leads),
    '',
    ...(refusals.length > 0 ? [...table(['refused because', 'rows', 'for example'], refusals), ''] : []),
    ...(failure === null ? [] : [`The file was refused: ${failure}`]),
    ...(repeated ? ['This file was imported before: its leads are unchanged, and none is there twice.'] : []),
  ];
}

interface RefusedRow {
  readonly _row: string;
  readonly _error_code: string;
  readonly _error: string;
}

function readErrors(file: string): RefusedRow[] {
  return parse(file, { bom: true, columns: true, relax_column_count: true });
}

/** The most frequent first, each with the first row that it stopped. */
function byCode(refused: readonly RefusedRow[]): Findings['refusals'] {
  const codes = [...new Set(refused.map(({ _error_code }) => _error_code))];
  return codes
    .map((code) => {
      const rows = refused.filter(({ _error_code }) => _error_code === code);
      return [code, rows.length, `row ${rows[0]?._row}: ${rows[0]?._error}`] as const;
    })
    .sort(([, a], [, b]) => b - a);
}

async function readStored(
  database: Database,
  importId: string,
): Promise<{ outcomes: Record<string, number>; leads: number }> {
  const [stored] = await database.execute<{ outcomes: Record<string, number>; leads: number }>({
    text: `
      select (select coalesce(jsonb_object_agg(outcome, n), '{}')
              from (select outcome, count(*) as n from import_rows where import_id = $1 group by outcome) o) as outcomes,
             (select count(*)::int from leads where import_id = $1) as leads
      from imports
      where id = $1`,
    params: [importId],
  });
  if (stored) return stored;
  throw new SetupError(
    `The app that runs already has imported the file into another database than ${database.address}. Stop it, or start it with the same DATABASE_URL.`,
  );
}
