/** Forms that were not taken yet: what was typed, and what is wrong with it, so that the page shows both again. Never a secret. */

import type { Issue } from '@conversure/jobqueue';
import type { Executor } from '@conversure/jobqueue/postgres';

export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly issues: readonly Issue[];
}

export interface KeptForm {
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Null: it is fine, and waits for somebody to confirm it. */
  readonly refusal: Refusal | null;
}

interface NewKeptForm extends Omit<KeptForm, 'id'> {
  /** The path of the page that shows it. */
  readonly page: string;
  readonly keptBy: string;
  /** A campaign's list of people. */
  readonly people?: readonly object[] | undefined;
}

/** Longer than any field takes, so that a text that is too long comes back whole and can be cut. */
const MOST_CHARS = 20_000;
/** An address that is not opened the same day is not opened. */
const KEPT = '1 day';

/** Answers the id under which the page finds it. Drops up to 100 old ones: each form makes one row. */
export async function keepForm(
  database: Executor,
  { page, keptBy, fields, refusal, people }: NewKeptForm,
): Promise<string> {
  const [kept] = await database.execute<{ id: string }>({
    text: `
      with old as (
        delete from kept_forms
        where id = any(array(
          select id from kept_forms where kept_at < now() - interval '${KEPT}'
          order by kept_at limit 100 for update skip locked))
      )
      insert into kept_forms (page, kept_by, fields, refusal, people)
      values ($1, $2, $3::jsonb, $4::jsonb, $5::jsonb)
      returning id`,
    params: [page, keptBy, json(fields), refusal && json(refusal), people ? json(people) : null],
  });
  return (kept as NonNullable<typeof kept>).id;
}

/** Null if this page kept no such form, or it is a day old. */
export async function readKeptForm(database: Executor, page: string, id: string): Promise<KeptForm | null> {
  if (!UUID.test(id)) return null;
  const [kept] = await database.execute<KeptForm>({
    text: `select id, fields, refusal from kept_forms where id = $1 and page = $2 and kept_at > now() - interval '${KEPT}'`,
    params: [id, page],
  });
  return kept ?? null;
}

/** The list of people that a kept form came with, as it was kept; null if it had none. */
export async function readKeptPeople(database: Executor, page: string, id: string): Promise<unknown[] | null> {
  if (!UUID.test(id)) return null;
  const [kept] = await database.execute<{ people: unknown[] | null }>({
    text: `select people from kept_forms where id = $1 and page = $2 and kept_at > now() - interval '${KEPT}'`,
    params: [id, page],
  });
  return kept?.people ?? null;
}

/** It has served its purpose, and may hold personal data. */
export async function dropKeptForm(database: Executor, id: string): Promise<void> {
  await database.execute({ text: 'delete from kept_forms where id = $1', params: [id] });
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** A value that Postgres cannot store is left out: the refusal says that it was there. */
function json(value: object): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'string' ? part.slice(0, MOST_CHARS).replaceAll('\0', '').toWellFormed() : part,
  );
}
