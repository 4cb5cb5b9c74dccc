/**
 * Encrypts what is stored in plain, and re-encrypts what an older key encrypted, with the first key of `SECRETS_KEY`. Each batch is one
 * statement that replaces only what was read, so it may be killed, repeated and run twice at once, beside an app that goes on.
 */
import type { Executor } from '@conversure/jobqueue/postgres';
import { SecretError, type SecretsKey, secretsKeys } from './environment.ts';
import { type EncryptedField, SECRET_FIELDS, type SecretField } from './fields.ts';
import { openSecret, sealedPrefix, sealSecret } from './seal.ts';

const FIELDS = Object.keys(SECRET_FIELDS) as SecretField[];
/** A batch holds row locks of as many companies for a millisecond or two. */
const BATCH = 200;

export interface Resealed {
  readonly sealed: number;
  /** One message for each secret that no key opens. They stay as they are. */
  readonly unreadable: readonly string[];
}

/** Walks every company's secrets once, in the order of their ids, `batch` companies at a time. Throws SecretError without a usable key. */
export async function resealSecrets(database: Executor, { batch = BATCH } = {}): Promise<Resealed> {
  const keys = secretsKeys();
  const unreadable: string[] = [];
  let sealed = 0;
  for (const field of FIELDS)
    for (let after: string | null = ''; after !== null; ) {
      const rows = await readStale(database, { field, key: keys[0], after, batch });
      const changes = rows.flatMap(({ company_id: companyId, stored }) => {
        try {
          const secret = isEncrypted(field) ? openSecret(field, companyId, stored, keys) : stored;
          return secret === null ? [] : [{ companyId, was: stored, is: sealSecret(field, companyId, secret, keys) }];
        } catch (error) {
          if (!(error instanceof SecretError)) throw error;
          unreadable.push(error.message);
          return [];
        }
      });
      sealed += await replace(database, field, changes);
      after = rows.length < batch ? null : (rows.at(-1)?.company_id ?? null);
    }
  return { sealed, unreadable };
}

/** The secrets that are stored in plain or under another key than the first, by column. Says nothing of their content. */
export async function countStale(database: Executor, key: SecretsKey): Promise<{ readonly [column: string]: number }> {
  const counts: { [column: string]: number } = {};
  for (const field of FIELDS) {
    const { table, column } = SECRET_FIELDS[field];
    const [row] = await database.execute<{ stale: number }>({
      text: `select count(*)::int as stale from ${table} where not starts_with(${column}, $1)`,
      params: [sealedPrefix(field, key)],
    });
    if (row !== undefined && row.stale > 0) counts[`${table}.${column}`] = row.stale;
  }
  return counts;
}

interface Stale {
  readonly company_id: string;
  readonly stored: string;
}

function readStale(
  database: Executor,
  { field, key, after, batch }: { field: SecretField; key: SecretsKey; after: string; batch: number },
): Promise<Stale[]> {
  const { table, column } = SECRET_FIELDS[field];
  return database.execute<Stale>({
    text: `
      select company_id, ${column} as stored from ${table}
      where company_id > $1 and not starts_with(${column}, $2)
      order by company_id
      limit $3::int`,
    params: [after, sealedPrefix(field, key), batch],
  });
}

/** A secret that somebody changed since it was read is theirs: it was sealed when they wrote it, or the next run seals it. */
async function replace(
  database: Executor,
  field: SecretField,
  changes: readonly { readonly companyId: string; readonly was: string; readonly is: string }[],
): Promise<number> {
  if (changes.length === 0) return 0;
  const { table, column } = SECRET_FIELDS[field];
  const replaced = await database.execute({
    text: `
      update ${table} s set ${column} = c."is"
      from (select * from jsonb_to_recordset($1::jsonb) as c("companyId" text, was text, "is" text) order by "companyId") c
      where s.company_id = c."companyId" and s.${column} = c.was
      returning 1`,
    params: [JSON.stringify(changes)],
  });
  return replaced.length;
}

function isEncrypted(field: SecretField): field is EncryptedField {
  return SECRET_FIELDS[field].kept === 'encrypted';
}
