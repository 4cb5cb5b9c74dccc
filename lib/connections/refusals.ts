/**
 * The breaker of a connection. One record that is refused is wrong itself; several different ones that are refused in the same words,
 * with no success between, say that something is wrong with the remote system or with the settings there. Then the connection is paused.
 */
import type { Executor } from '@conversure/jobqueue/postgres';
import { log } from '../log.ts';
import { pauseConnection, readPause } from './connection.ts';
import type { Connection } from './provider.ts';

/** The answer of one request about records. */
export interface Asked {
  /** The method that was called, as in `crm.item.add`: success of one method proves nothing about another. */
  readonly kind: string;
  readonly accepted: number;
  readonly refused: readonly Refused[];
}

export interface Refused {
  /** An id of the record. */
  readonly record: string;
  /** Code and words of the refusal, without secrets. */
  readonly as: string;
}

/** Four bad rows beside each other in a file are common; the fifth pauses before a queue of thousands is used up. */
export const MOST_ALIKE = 5;
/** Records that are remembered of each way of being refused, and ways of each kind: words may name the record, so there may be many. */
const MOST_RECORDS = 500;
const MOST_WAYS = 20;

/**
 * Counts refusals, and answers which of the records have to wait for an operator. They are not refused for good, because the fault is not
 * theirs. A record that was refused in this way before is not one of them and counts no more: after a resume it is judged by itself.
 */
export async function judgeRefusals(
  database: Executor,
  connection: Connection,
  asked: readonly Asked[],
): Promise<ReadonlySet<string>> {
  await countAnew(
    database,
    connection,
    asked.flatMap(({ kind, accepted }) => (accepted > 0 ? [kind] : [])),
  );
  const waits = new Set<string>();
  for (const { kind, accepted, refused } of asked)
    for (const [as, ids] of byWords(refused)) {
      // A record that is refused beside an accepted one is at fault itself.
      const isSuspect = accepted === 0;
      const { fresh, known } = await count(database, connection, { kind, as, ids, isSuspect });
      if (!isSuspect) continue;
      if (fresh >= MOST_ALIKE) await pauseConnection(database, connection, { code: CODE, reason: reasonOf(as, fresh) });
      else if ((await readPause(database, connection))?.code !== CODE) continue;
      for (const id of ids) if (!known.has(id)) waits.add(id);
    }
  if (waits.size > 0) log.warn({ ...connection, records: waits.size }, 'refused_records_wait');
  return waits;
}

const CODE = 'refused_alike';

function reasonOf(as: string, fresh: number): string {
  return `${fresh} records in a row were refused in the same way, and none was accepted between (limit ${MOST_ALIKE}): ${as}`;
}

function byWords(refused: readonly Refused[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { record, as } of refused) found.set(as, [...(found.get(as) ?? []), record]);
  return found;
}

/** Writes nothing where nothing was refused, so every success may say so. */
async function countAnew(
  database: Executor,
  { companyId, provider }: Connection,
  kinds: readonly string[],
): Promise<void> {
  if (kinds.length === 0) return;
  await database.execute({
    text: `
      update connection_refusals set fresh = 0
      where company_id = $1 and provider = $2 and kind in (select jsonb_array_elements_text($3::jsonb)) and fresh > 0`,
    params: [companyId, provider, JSON.stringify(kinds)],
  });
}

interface Way {
  readonly kind: string;
  readonly as: string;
  readonly ids: readonly string[];
  readonly isSuspect: boolean;
}

async function count(
  database: Executor,
  { companyId, provider }: Connection,
  { kind, as, ids, isSuspect }: Way,
): Promise<{ fresh: number; known: ReadonlySet<string> }> {
  const [row] = await database.execute<{ fresh: number; known: readonly string[] }>({
    text: COUNT,
    params: [companyId, provider, kind, as, JSON.stringify(ids), isSuspect, MOST_RECORDS, MOST_WAYS],
  });
  const { fresh, known } = row as NonNullable<typeof row>;
  return { fresh, known: new Set(known) };
}

const COUNT = `
with given as (
  select array(select jsonb_array_elements_text($5::jsonb)) as records
), before as (
  select r.records from connection_refusals r
  where r.company_id = $1 and r.provider = $2 and r.kind = $3 and r.refused_as = $4
), known as (
  select array(select unnest(given.records) intersect select unnest(before.records)) as records
  from given left join before on true
), forgotten as (
  delete from connection_refusals
  where company_id = $1 and provider = $2 and kind = $3 and refused_as in (
    select r.refused_as from connection_refusals r
    where r.company_id = $1 and r.provider = $2 and r.kind = $3 and r.refused_as <> $4
    order by r.refused_at desc offset $8::int - 1)
), counted as (
  insert into connection_refusals as r (company_id, provider, kind, refused_as, records, fresh)
  select $1, $2, $3, $4, g.records, case when $6::boolean then cardinality(g.records) else 0 end from given g
  on conflict (company_id, provider, kind, refused_as) do update
  set records = array(select id from unnest(r.records || excluded.records) with ordinality as both_of(id, n)
                      group by id order by max(n) desc limit $7::int),
      fresh = case when $6::boolean
        then r.fresh + cardinality(array(select unnest(excluded.records) except select unnest(r.records))) else 0 end,
      refused_at = now()
  returning fresh
)
select counted.fresh, to_json(known.records) as known from counted, known
`;
