/** The recipients of a campaign as a CSV: who they are, what became of each and why. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { BYTE_ORDER_MARK, csvLine, streamOf } from '../csv/csv.ts';
import { wordsOf } from '../providers/whatsapp.ts';
import { type Clock, clockOf } from './campaign-send/zones.ts';

const COLUMNS = [
  'phone',
  'name',
  'status',
  'reason',
  'error_code',
  'meaning',
  'attempts',
  'status_at',
  'category',
  'billable',
  'clock',
];
/** Rows per read, some 100 KB: memory stays flat for a list of any length. */
const ROWS_PER_READ = 1_000;

/** UTF-8 with a byte order mark, without which Excel reads it in a Windows encoding. `null` if there is no such campaign. */
export async function recipientsFile(
  database: Executor,
  campaignId: string,
): Promise<ReadableStream<Uint8Array> | null> {
  const found = await database.execute({ text: 'select from campaigns where id = $1', params: [campaignId] });
  if (found.length === 0) return null;
  return streamOf(linesOf(database, campaignId));
}

async function* linesOf(database: Executor, campaignId: string): AsyncGenerator<string> {
  yield `${BYTE_ORDER_MARK}${line(COLUMNS)}`;
  for (let after = '0'; ; ) {
    const rows = await readRows(database, campaignId, after);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(lineOf).join('');
    after = last.id;
  }
}

interface Row {
  id: string;
  phone: string;
  name: string | null;
  status: string;
  reason: string | null;
  error_code: number | null;
  error: string | null;
  attempt: number;
  status_at: string;
  category: string | null;
  billable: boolean | null;
  /** `null`: a row without a number of its own. */
  number: string | null;
  time_zone: string | null;
  company_zone: string;
}

function lineOf({
  phone,
  name,
  status,
  reason,
  error_code,
  error,
  attempt,
  status_at,
  category,
  billable,
  number,
  time_zone: timeZone,
  company_zone: companyZone,
}: Row): string {
  const meaning = error_code === null ? error : (wordsOf(error_code) ?? error);
  return line([
    phone,
    name ?? '',
    status,
    reason ?? '',
    error_code === null ? '' : `${error_code}`,
    meaning ?? '',
    `${attempt}`,
    status_at,
    category ?? '',
    billable === null ? '' : `${billable}`,
    number === null ? '' : clock(clockOf({ phone: number, timeZone }, companyZone)),
  ]);
}

function readRows(database: Executor, campaignId: string, after: string): Promise<Row[]> {
  return database.execute<Row>({
    text: `
      select id::text as id, coalesce(phone_e164, given, '') as phone, name, status,
             coalesce(skip_reason, deferred_for) as reason, error_code, error, attempt,
             to_char(status_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as status_at,
             pricing_category as category, billable, r.phone_e164 as number, r.time_zone,
             coalesce(s.time_zone, 'Asia/Dubai') as company_zone
      from recipients r
      left join company_settings s on s.company_id = r.company_id
      where campaign_id = $1 and id > $2::bigint
      order by r.id -- as a number: the column of the answer is text
      limit $3::int`,
    params: [campaignId, after, ROWS_PER_READ],
  });
}

/** Whose clock keeps the quiet hours of a person: `nearest: Europe/Belgrade`, `country: 29 zones`. */
const clock = ({ from, zones }: Clock) => `${from}: ${zones.length > 1 ? `${zones.length} zones` : zones.join()}`;

const line = (cells: readonly string[]) => csvLine(cells, ',');
