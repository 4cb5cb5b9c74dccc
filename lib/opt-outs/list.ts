/** Opt-outs, the newest first: page by page, or all of it as a CSV. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { BYTE_ORDER_MARK, csvLine, streamOf } from '../csv/csv.ts';
import type { OptOutFilter } from './request.ts';

export interface OptOut {
  readonly id: string;
  /** Changes whenever the person refuses again. */
  readonly version: string;
  readonly companyId: string;
  /** Null: the person is known by their WhatsApp user id alone. */
  readonly phone: string | null;
  readonly userId: string | null;
  readonly scope: 'marketing' | 'all';
  readonly source: string;
  readonly reason: string | null;
  readonly optedOutAt: string;
  readonly liftedAt: string | null;
}

export interface OptOutsPage {
  readonly optOuts: readonly OptOut[];
  /** The key that the next page begins after; null if this is the last. */
  readonly next: string | null;
  /** Set where the search stopped at its bound before the page was full: older ones may fit. */
  readonly searchedTo: string | null;
}

const PAGE = 50;
/** The rows of one read of the file: some 100 KB. */
const FILE_ROWS = 1_000;
/** Rows of the index that one page looks at, some 20 ms: a search for a part of a number has no index of its own. */
const LOOKED = 20_000;

/** Up to `limit` of those that fit, 50 unless it is said. */
export async function optOutsPage(
  database: Executor,
  filter: OptOutFilter,
  { after, limit = PAGE }: { readonly after?: string | undefined; readonly limit?: number } = {},
): Promise<OptOutsPage> {
  const { companyId, search, source, scope, state, from, until } = filter;
  const [afterAt = null, afterId = null] = after?.split('_') ?? [];
  const [row] = await database.execute<Row>({
    text: READ,
    params: [
      companyId ?? null,
      from?.toISOString() ?? null,
      until?.toISOString() ?? null,
      afterAt,
      afterId,
      source ?? null,
      scope ?? null,
      state,
      search === undefined ? null : needleOf(search),
      limit + 1,
      LOOKED,
    ],
  });
  const { found, looked, last } = row as Row;
  const optOuts = found.slice(0, limit);
  const lastShown = optOuts.at(-1);
  if (found.length > limit && lastShown)
    return { optOuts, next: `${lastShown.version}_${lastShown.id}`, searchedTo: null };
  if (looked < LOOKED || last === null) return { optOuts, next: null, searchedTo: null };
  return { optOuts, next: `${last.version}_${last.id}`, searchedTo: last.at };
}

interface Row {
  found: OptOut[];
  looked: number;
  last: { id: string; version: string; at: string } | null;
}

/** Numbers are written with blanks, brackets, a plus, 00 or a 0 of their country, which E.164 has not. */
function needleOf(search: string): string {
  const bare = search.replace(/[\s()+/-]/g, '');
  return /^\d+$/.test(bare) ? bare.replace(/^0+(?=\d)/, '') : bare.toUpperCase();
}

const VERSION = '(extract(epoch from opted_out_at) * 1000000)::bigint::text';

const READ = `
with looked as materialized (
  select * from opt_outs
  where ($1::text is null or company_id = $1)
    and ($2::timestamptz is null or opted_out_at >= $2::timestamptz)
    and ($3::timestamptz is null or opted_out_at < $3::timestamptz)
    and ($4::bigint is null or (opted_out_at, id) < (timestamptz 'epoch' + $4::bigint * interval '1 microsecond', $5::bigint))
  order by opted_out_at desc, id desc
  limit $11::int
), found as (
  select * from looked
  where ($6::text is null or source = $6)
    and ($7::text is null or scope = $7)
    and case $8 when 'in_force' then lifted_at is null when 'lifted' then lifted_at is not null else true end
    and ($9::text is null or strpos(coalesce(phone_e164, ''), $9) > 0 or strpos(upper(coalesce(whatsapp_user_id, '')), $9) > 0)
  order by opted_out_at desc, id desc
  limit $10::int
)
select (select coalesce(jsonb_agg(jsonb_build_object(
          'id', id::text, 'version', ${VERSION}, 'companyId', company_id, 'phone', phone_e164, 'userId', whatsapp_user_id,
          'scope', scope, 'source', source, 'reason', reason, 'optedOutAt', opted_out_at, 'liftedAt', lifted_at)
          order by opted_out_at desc, id desc), '[]') from found) as found,
       (select count(*)::int from looked) as looked,
       (select jsonb_build_object('id', id::text, 'version', ${VERSION}, 'at', opted_out_at)
        from looked order by opted_out_at, id limit 1) as last
`;

const COLUMNS = ['company', 'phone', 'whatsapp_user_id', 'scope', 'source', 'reason', 'opted_out_at', 'lifted_at'];

/** Everything that fits the filter. UTF-8 with a byte order mark, and no cell that a spreadsheet would run. */
export function optOutsFile(database: Executor, filter: OptOutFilter): ReadableStream<Uint8Array> {
  return streamOf(linesOf(database, filter));
}

async function* linesOf(database: Executor, filter: OptOutFilter): AsyncGenerator<string> {
  yield `${BYTE_ORDER_MARK}${csvLine(COLUMNS, ',')}`;
  for (let after: string | null | undefined; after !== null; ) {
    const page: OptOutsPage = await optOutsPage(database, filter, { after, limit: FILE_ROWS });
    yield page.optOuts.map(lineOf).join('');
    after = page.next;
  }
}

function lineOf({ companyId, phone, userId, scope, source, reason, optedOutAt, liftedAt }: OptOut): string {
  const instants = [optedOutAt, liftedAt].map((at) => (at === null ? '' : new Date(at).toISOString()));
  return csvLine([companyId, phone ?? '', userId ?? '', scope, source, reason ?? '', ...instants], ',');
}
