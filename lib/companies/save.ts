/** Changes one section of a company's settings, unless somebody else has changed it since it was read. */

import type { Issue } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';
import { HttpError } from '../http/errors.ts';
import { SecretError } from '../secrets/environment.ts';
import type { SecretField } from '../secrets/fields.ts';
import { sealSecret } from '../secrets/seal.ts';
import { readCompany, type SectionView, valuesOf } from './read.ts';
import { misfits } from './rules.ts';
import { columnOf, type Section, type SectionName, sectionOf } from './sections.ts';
import { asText, type Setting, type Value, type Values } from './setting.ts';

export interface Change {
  readonly companyId: string;
  readonly section: SectionName;
  /** Those that are named change. */
  readonly values: Values;
  /** A new secret, or null to remove it. */
  readonly secrets: Readonly<Record<string, string | null>>;
  /** The values that the person saw. If left out, the stored values count as seen. */
  readonly seen?: Values | undefined;
}

/** The changed fields that the audit log records; never a secret. */
export interface Changed {
  readonly changes: Readonly<Record<string, { readonly from: Value; readonly to: Value }>>;
  readonly secrets: Readonly<Record<string, 'set' | 'removed'>>;
}

/** A change that was checked and not stored yet. */
export interface Prepared extends Changed {
  readonly companyId: string;
  readonly section: SectionName;
  readonly before: Values;
  readonly after: Values;
  readonly sealed: readonly { readonly field: SecretField; readonly column: string; readonly text: string | null }[];
}

/**
 * Checks it against the settings as they are. Throws 404 for an unknown company, 409 with what changed since `seen`, 400 with an issue for
 * each field that is wrong, and 503 if a secret cannot be encrypted.
 */
export async function prepareChange(database: Executor, change: Change): Promise<Prepared> {
  const { companyId, section, seen } = change;
  const company = await readCompany(database, companyId);
  if (company === null) throw unknownCompany(companyId);
  const { settings, secrets } = sectionOf(section);
  const view = company.sections[section];
  const before = view.values;
  refuseStale(settings, seen ?? before, before);
  const { values, issues } = checked(settings, change.values);
  const after = { ...before, ...values };
  issues.push(
    ...secretIssues(secrets, change.secrets),
    ...misfits(section, { before, after, secrets: states(view, change) }),
  );
  if (issues.length > 0)
    throw new HttpError(400, 'settings_invalid', 'Nothing was saved: some fields are not what was expected.', issues);
  const sealed = Object.entries(secrets).flatMap(([key, secret]) => {
    const given = change.secrets[key];
    if (given === undefined) return [];
    const { field } = secret;
    return [{ field, column: columnOf(secret), text: given === null ? null : seal(field, companyId, given) }];
  });
  const changed = Object.keys(settings).filter((key) => !isSame(before[key], after[key]));
  return {
    companyId,
    section,
    before,
    after,
    sealed,
    changes: Object.fromEntries(changed.map((key) => [key, { from: before[key] ?? null, to: after[key] ?? null }])),
    secrets: Object.fromEntries(
      Object.entries(change.secrets).map(([key, secret]) => [key, secret === null ? 'removed' : 'set']),
    ),
  };
}

function seal(field: SecretField, companyId: string, secret: string): string {
  try {
    return sealSecret(field, companyId, secret);
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    throw new HttpError(503, error.code, `Nothing was saved: ${error.message}.`);
  }
}

/** Stores it in one statement that writes nothing if the section is not as it was checked: then 409 with what changed. */
export async function saveChange(database: Executor, prepared: Prepared, by: string): Promise<void> {
  const { companyId, section, before, after, sealed } = prepared;
  const { settings } = sectionOf(section);
  const columns = Object.fromEntries(Object.entries(settings).map(([key, { column }]) => [column, after[key]]));
  const saved = await database
    .execute({
      text: saveOf(section),
      params: [
        companyId,
        JSON.stringify(columns),
        JSON.stringify(before),
        JSON.stringify(Object.fromEntries(sealed.map(({ column, text }) => [column, text]))),
        JSON.stringify(sealed.map(({ field }) => field)),
        by,
      ],
    })
    .catch((error: unknown) => {
      throw isTaken(error) ? numberTaken() : error;
    });
  if (saved.length > 0) return;
  const company = await readCompany(database, companyId);
  if (company === null) throw unknownCompany(companyId);
  refuseStale(settings, before, company.sections[section].values);
  throw changedMeanwhile([]); // and it was changed back
}

/** The columns come from our own list, never from a request. */
function saveOf(name: SectionName): string {
  const { table, settings, secrets } = sectionOf(name);
  const key = table === 'companies' ? 'id' : 'company_id';
  const columns = Object.values(settings);
  const sealed = Object.values(secrets).map(columnOf);
  const all = [...columns.map(({ column }) => column), ...sealed];
  return `
with saved as (
  insert into ${table} as s (${[key, ...all].join(', ')})
  select ${['$1', ...columns.map(({ column }) => `v.${column}`), ...sealed.map((column) => `$4::jsonb ->> '${column}'`)].join(', ')}
  from jsonb_to_record($2::jsonb) as v(${columns.map(({ column, type }) => `${column} ${type}`).join(', ')})
  where exists (select from companies where id = $1) and $4::jsonb is not null
  on conflict (${key}) do update set ${[
    ...columns.map(({ column }) => `${column} = excluded.${column}`),
    ...sealed.map(
      (column) =>
        `${column} = case when jsonb_exists($4::jsonb, '${column}') then excluded.${column} else s.${column} end`,
    ),
  ].join(', ')}
  where ${valuesOf(name, 's')} = $3::jsonb
  returning 1
), noted as (
  insert into secret_changes (company_id, field, changed_by)
  select $1, field, $6 from saved cross join jsonb_array_elements_text($5::jsonb) as f(field)
  on conflict (company_id, field) do update set changed_at = now(), changed_by = excluded.changed_by
)
select 1 as saved from saved`;
}

function refuseStale(settings: Section['settings'], seen: Values, now: Values): void {
  const issues = Object.entries(settings)
    .filter(([key]) => !isSame(seen[key], now[key]))
    .map(([key]) => ({
      path: key,
      message: `was ${shown(seen[key])} when this form was opened, is ${shown(now[key])} now`,
    }));
  if (issues.length > 0) throw changedMeanwhile(issues);
}

function changedMeanwhile(issues: readonly Issue[]): HttpError {
  return new HttpError(
    409,
    'settings_changed',
    'Nothing was saved: somebody has changed these settings since this form was opened. Look at what is different, then save again.',
    issues,
  );
}

/** Values as their schemas take them; the others stay out and are named. */
function checked(settings: Readonly<Record<string, Setting>>, given: Change['values']) {
  const issues: Issue[] = [];
  const values: Record<string, Value> = {};
  for (const [key, value] of Object.entries(given)) {
    const parsed = known(settings, key)?.schema.safeParse(value);
    if (parsed === undefined) issues.push({ path: key, message: 'there is no such setting' });
    else if (parsed.success) values[key] = parsed.data;
    else issues.push({ path: key, message: wordsOf(value, parsed.error.issues[0]?.message) });
  }
  return { values, issues };
}

function wordsOf(value: unknown, message = 'not what was expected'): string {
  return value === null ? 'expected a value, got none' : message;
}

function secretIssues(secrets: Section['secrets'], given: Change['secrets']): Issue[] {
  return Object.entries(given).flatMap(([key, secret]) => {
    const field = known(secrets, key);
    if (field === undefined) return [{ path: key, message: 'there is no such secret' }];
    return secret === null || field.isValid(secret) ? [] : [{ path: key, message: `expected ${field.words}` }];
  });
}

/** A client names the key: `constructor` is none of ours, though every object has one. */
function known<Of>(all: Readonly<Record<string, Of>>, key: string): Of | undefined {
  return Object.hasOwn(all, key) ? all[key] : undefined;
}

function states(view: SectionView, { secrets }: Change) {
  const entries = Object.entries(view.secrets).map(([key, { isSet }]) => {
    const given = secrets[key];
    return [key, { isSet: given === undefined ? isSet : given !== null, isNew: typeof given === 'string' }];
  });
  return Object.fromEntries(entries) as Parameters<typeof misfits>[1]['secrets'];
}

function isSame(one: Value | undefined, other: Value | undefined): boolean {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
}

const SHOWN_CHARS = 100;

function shown(value: Value | undefined): string {
  const text = asText(value).replaceAll('\n', ', ');
  return text === '' ? 'empty' : `“${text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text}”`;
}

function unknownCompany(companyId: string): HttpError {
  return new HttpError(404, 'not_found', `There is no company ${companyId}.`);
}

const UNIQUE_VIOLATION = '23505';

function isTaken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === UNIQUE_VIOLATION) || isTaken(error.cause);
}

function numberTaken(): HttpError {
  return new HttpError(400, 'settings_invalid', 'Nothing was saved: another company has this number.', [
    { path: 'phoneNumberId', message: 'another company has this number' },
  ]);
}
