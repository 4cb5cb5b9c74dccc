/** A soak: the traffic of a world without faults for many minutes, in which memory, tables and indexes must not grow. */
import { readFileSync } from 'node:fs';
import { nowMs } from './records.ts';
import type { World } from './world.ts';

const MINUTE_MS = 60_000;
/** Ended jobs are pruned after a minute; so often their ends are read before that. */
const READ_MS = 15_000;
/** The last third may be so much above the middle one: autovacuum and garbage come when they come. */
const FLAT = 1.25;
/** Below, pages and noise decide. */
const NOISE_KB = 512;

/** One minute; sizes in kB. */
export interface Sample {
  readonly runsPerSecond: number;
  readonly memory: number;
  readonly live: number;
  readonly history: number;
  readonly jobs: number;
  readonly jobsIndexes: number;
  /** Finished jobs: rows of their own, and batches, which hold those that run, too. */
  readonly historyTable: number;
  readonly historyIndexes: number;
  readonly others: number;
  /** Counts per minute and the audit log, which are kept for days and forever. */
  readonly kept: number;
}

const HISTORY = ['job_history', 'batches', 'settlements', 'blocks'];
const KEPT = ['rollups', 'audit_log'].flatMap((table) => [table, `${table} indexes`]);

/** Columns that must be flat. */
const FLAT_ONES = ['memory', 'jobs', 'jobsIndexes', 'historyTable', 'historyIndexes', 'others'] as const;

/** Lives through so many minutes, tells each, and answers their samples. */
export async function soak(world: World, minutes: number, tell: (line: string) => void): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  tell(HEAD);
  for (let minute = 1; minute <= minutes; minute++) {
    const from = nowMs();
    for (const until = from + MINUTE_MS; nowMs() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(READ_MS, until - nowMs())));
      await world.remember();
    }
    const runs = world.facts().filter(({ what, at }) => what === 'end' && at >= from).length;
    const sample = await measure(world, (runs * 1_000) / (nowMs() - from));
    samples.push(sample);
    tell(lineOf(minute, sample));
  }
  return samples;
}

/** Names what grew: a column whose last third is above its middle one. Empty: everything is flat, or there are too few minutes to say. */
export function growth(samples: readonly Sample[]): readonly string[] {
  const third = Math.floor(samples.length / 3);
  if (third === 0) return [];
  const mean = (some: readonly Sample[], of: keyof Sample) =>
    some.reduce((sum, sample) => sum + sample[of], 0) / some.length;
  return FLAT_ONES.flatMap((of) => {
    const [middle, last] = [mean(samples.slice(-2 * third, -third), of), mean(samples.slice(-third), of)];
    if (last <= middle * FLAT || last - middle <= NOISE_KB) return [];
    return [`${of} grew from ${Math.round(middle)} kB in the middle third to ${Math.round(last)} kB in the last`];
  });
}

async function measure(world: World, runsPerSecond: number): Promise<Sample> {
  const sizes = await world.place.ask<{ name: string; kb: number }>(`
    select coalesce(t.relname, c.relname) || case when c.relkind = 'i' then ' indexes' else '' end as name, (sum(pg_table_size(c.oid)) / 1024)::int as kb
    from pg_class c left join pg_index i on i.indexrelid = c.oid left join pg_class t on t.oid = i.indrelid
    where c.relnamespace = 'jobqueue'::regnamespace and c.relkind in ('r', 'i') group by 1`);
  const [rows] = await world.place.ask<{ live: number; history: number }>(
    `select (select count(*)::int from jobqueue.live_jobs) as live,
            (select count(*)::int from jobqueue.job_history) + (select coalesce(sum(bit_count(done)), 0)::int from jobqueue.settlements) as history`,
  );
  const size = (name: string) => sizes.find((one) => one.name === name)?.kb ?? 0;
  const sum = (some: typeof sizes) => some.reduce((total, { kb }) => total + kb, 0);
  const history = HISTORY.map((name) => `${name} indexes`);
  const own = ['jobs', 'jobs indexes', ...HISTORY, ...history, ...KEPT];
  return {
    runsPerSecond,
    memory: Math.max(...world.workers.map(({ child }) => residentKb(child.pid ?? 0))),
    live: rows?.live ?? 0,
    history: rows?.history ?? 0,
    jobs: size('jobs'),
    jobsIndexes: size('jobs indexes'),
    historyTable: sum(sizes.filter(({ name }) => HISTORY.includes(name))),
    historyIndexes: sum(sizes.filter(({ name }) => history.includes(name))),
    others: sum(sizes.filter(({ name }) => !own.includes(name))),
    kept: sum(sizes.filter(({ name }) => KEPT.includes(name))),
  };
}

/** Linux alone says it; elsewhere 0. */
function residentKb(pid: number): number {
  if (process.platform !== 'linux') return 0;
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}

const HEAD = `| Minute | Runs a second | Largest process, MB | Live jobs | Ended jobs | jobs, kB | its indexes, kB | history, kB | its indexes, kB | other tables and indexes, kB | rollups and audit log, kB |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |`;

function lineOf(minute: number, sample: Sample): string {
  const { runsPerSecond, memory, live, history, jobs, jobsIndexes, historyTable, historyIndexes, others, kept } =
    sample;
  const cells = [minute, runsPerSecond.toFixed(0), Math.round(memory / 1_024), live, history];
  return `| ${[...cells, jobs, jobsIndexes, historyTable, historyIndexes, others, kept].join(' | ')} |`;
}
