/** Compares an upload with the one that its id stands for: repeated it is the same, with other choices it is a mistake. */
import { isDeepStrictEqual } from 'node:util';
import type { Issue } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import { type ImportChoice, importOptions } from './lead-import/options.ts';
import type { NewImport } from './new-import.ts';

/** The choices of an upload, by the names of its parameters. What it leaves out is absent. */
export type Chosen = Readonly<Record<string, unknown>>;

/** The file's name is only shown, so it is no choice. */
export function chosenIn({ country, delimiter, encoding, dryRun, options }: NewImport): Chosen {
  const said = { country, delimiter, encoding, dryRun, ...options };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null && value !== undefined));
}

/** An import that already has this id. */
export interface Standing {
  readonly jobId: string | null;
  readonly companyId: string;
  readonly sha256: string | null;
  /** null: by a release that kept none. */
  readonly chosen: Chosen | null;
  /** Shown where no country was chosen. */
  readonly country: string;
}

export async function standingOf(database: Executor, importId: string): Promise<Standing | null> {
  const [found] = await database.execute<Standing & object>({
    text: `
      select i.job_id::text as "jobId", i.company_id as "companyId", i.sha256, i.chosen, c.default_country as country
      from imports i
      join companies c on c.id = i.company_id
      where i.id = $1`,
    params: [importId],
  });
  return found ?? null;
}

/**
 * The refusal of an upload that says something else than the one that its id stands for; null where both say the same. `sha256` of the whole
 * file; null where a part comes, which need not repeat the choices of the part that opened the upload.
 */
export function choicesDiffer(upload: NewImport, sha256: string | null, before: Standing): HttpError | null {
  const issues = differences(upload, sha256, before);
  if (issues.length === 0) return null;
  const names = issues.map(({ path }) => path).join(', ');
  const message = `The id ${upload.importId} is used by an upload with other choices: ${names}. Send the same choices, or use another id.`;
  return new HttpError(409, 'choices_differ', message, issues);
}

function differences(upload: NewImport, sha256: string | null, before: Standing): Issue[] {
  if (upload.companyId !== before.companyId) return [issue('companyId', before.companyId, upload.companyId)];
  const now = meant(chosenIn(upload), before.country);
  const then = meant(before.chosen ?? {}, before.country);
  const compared = sha256 === null ? Object.keys(chosenIn(upload)) : Object.keys({ ...then, ...now });
  return [
    ...(sha256 !== null && sha256 !== before.sha256
      ? [issue('file', before.sha256 === null ? 'parts' : `SHA-256 ${before.sha256}`, `SHA-256 ${sha256}`)]
      : []),
    ...(before.chosen === null ? [] : compared)
      .filter((name) => !isDeepStrictEqual(now[name], then[name]))
      .map((name) => issue(name, then[name], now[name])),
  ];
}

/** With the defaults of what was left out: to say a default is no other choice. */
function meant({ country, delimiter, encoding, dryRun, ...options }: Chosen, defaultCountry: string): Chosen {
  return {
    country: country ?? defaultCountry,
    delimiter,
    encoding,
    dryRun: dryRun ?? false,
    ...importOptions.parse(options satisfies ImportChoice),
  };
}

/** The longest choice shown in a refusal, in characters: columns chosen by hand may be many. */
const SHOWN_LENGTH = 200;

function issue(path: string, before: unknown, now: unknown): Issue {
  return { path, message: `the upload has ${shown(before)}, this request ${shown(now)}` };
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'none';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH).toWellFormed()}…` : text;
}
