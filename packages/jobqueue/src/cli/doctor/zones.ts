/** The zones in use, by Node's zone data and by Postgres': two tables that are updated apart from each other. */

import { offsetAt } from '../../core/wall-clock.ts';
import type { Database } from '../../postgres/connect.ts';
import { type Finding, ok, warn } from './finding.ts';

const DAY_MS = 24 * 3_600_000;
/** Changes of law reach one table before the other; further ahead than a year neither is sure. */
const DAYS = 366;
/** An app has a few; a platform of many companies may have them all. */
const MOST_ZONES = 600;

/** Postgres' view of one zone: its offsets of the coming days, in ms, the first of them now; null if it does not know the zone. */
export interface ZoneOffsets {
  readonly zone: string;
  readonly offsets: readonly number[] | null;
}

/** Compares the zone data of the schedules' zones, and of the companies' zones if the app has companies. */
export async function zoneFinding(database: Database): Promise<Finding> {
  const nowMs = Date.now();
  const zones = await zonesInUse(database);
  if (zones.length === 0) return ok('time zones', 'no schedule names one');
  const rows = await database.execute<ZoneOffsets>({
    text: `select z.zone, case when known.name is not null then (
                    select jsonb_agg(extract(epoch from (d.at at time zone z.zone) - (d.at at time zone 'UTC')) * 1000 order by d.at)
                    from (select to_timestamp($2::float8 / 1000 + n * 86400.0) as at from generate_series(0, $3::int - 1) n) d) end as offsets
           from jsonb_array_elements_text($1::jsonb) as z(zone)
           left join pg_timezone_names known on known.name = z.zone`,
    params: [JSON.stringify(zones), nowMs, DAYS],
  });
  return compareZones(rows, nowMs);
}

/** Pure but for Node's own zone data. */
export function compareZones(rows: readonly ZoneOffsets[], nowMs: number): Finding {
  const differing = rows.flatMap(({ zone, offsets }) => {
    if (offsets === null) return [`${zone} is unknown to Postgres`];
    const day = offsets.findIndex((offset, n) => offset !== offsetAt(zone, nowMs + n * DAY_MS));
    if (day < 0) return [];
    const atMs = nowMs + day * DAY_MS;
    const when = day === 0 ? 'now' : `from ${new Date(atMs).toISOString().slice(0, 10)} on`;
    return [`${zone} ${when}: Node ${hours(offsetAt(zone, atMs))}, Postgres ${hours(offsets[day] ?? 0)}`];
  });
  if (differing.length === 0)
    return ok(
      'time zones',
      `Node and Postgres agree on ${rows.length === 1 ? 'the one' : `all ${rows.length}`} in use`,
    );
  return warn(
    'time zones',
    `Node (tzdata ${process.versions.tz}) and Postgres differ: ${differing.slice(0, 3).join('; ')}${differing.length > 3 ? ' …' : ''}`,
    'update the older one (Node, or the server’s tzdata): slots follow Node, days of budgets and SQL follow Postgres',
  );
}

async function zonesInUse(database: Database): Promise<readonly string[]> {
  const [there] = await database.execute<{ schedules: boolean; companies: boolean }>({
    text: `select to_regclass('jobqueue.schedules') is not null as schedules, to_regclass('company_settings') is not null as companies`,
    params: [],
  });
  const sources = [
    there?.schedules === true &&
      `select coalesce(override_time_zone, definition ->> 'timeZone') as zone from jobqueue.schedules where removed_at is null`,
    there?.companies === true && 'select time_zone from company_settings',
  ].filter((source) => source !== false);
  if (sources.length === 0) return [];
  const rows = await database.execute<{ zone: string }>({
    text: `select distinct zone from (${sources.join(' union all ')}) used where zone is not null order by zone limit $1`,
    params: [MOST_ZONES],
  });
  return rows.map(({ zone }) => zone);
}

function hours(offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / 60_000;
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0');
  return `UTC${offsetMs < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}
