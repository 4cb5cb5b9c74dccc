/** The types and queues that the database knows by their jobs, their pauses, their schedules or their last two days. */
import type { Executor } from '../database.ts';
import { only } from './rows.ts';

export interface NamesInUse {
  readonly types: readonly string[];
  readonly queues: readonly string[];
  /** Every live lane was looked at. */
  readonly complete: boolean;
}

/** Index probes alone: at most `most` live lanes, 1,000 leases, 1,000 of history, and the sums of two days. */
export async function namesInUse(executor: Executor, most: number): Promise<NamesInUse> {
  const rows = await executor.execute<NamesInUse>({
    text: `with recursive live as materialized (
             select queue, type from jobqueue.lanes_in_use_2(null, null, $1)
           ), held as (
             select b.queue, b.type
             from (select batch from jobqueue.leases order by batch desc limit 1000) l join jobqueue.batches b on b.id = l.batch
           ), dead as (
             (select queue, type from jobqueue.job_history where status = 'DEAD_LETTER' order by queue, type limit 1)
             union all
             select n.queue, n.type
             from dead d
             cross join lateral (
               select h.queue, h.type from jobqueue.job_history h
               where h.status = 'DEAD_LETTER' and (h.queue, h.type) > (d.queue, d.type)
               order by h.queue, h.type limit 1) n
           ), cancelled as (
             (select type from jobqueue.job_history where status = 'CANCELLED' order by type limit 1)
             union all
             select n.type
             from cancelled c
             cross join lateral (
               select h.type from jobqueue.job_history h
               where h.status = 'CANCELLED' and h.type > c.type
               order by h.type limit 1) n
           ), scheduled as (
             (select definition #>> '{job,type}' as type from jobqueue.schedules where removed_at is null
              order by definition #>> '{job,type}' limit 1)
             union all
             select n.type
             from scheduled s
             cross join lateral (
               select k.definition #>> '{job,type}' as type from jobqueue.schedules k
               where k.definition #>> '{job,type}' > s.type and k.removed_at is null
               order by k.definition #>> '{job,type}' limit 1) n
           ), both_names as (
             select queue::text, type::text from live
             union select queue, type from held
             union select queue::text, type::text from (select * from dead limit 1000) d
             union select queue::text, type::text from jobqueue.pauses
           ), recent as (
             select type::text from jobqueue.trends
             union select type::text from (select * from cancelled limit 1000) c
             union select type::text from (
               select r.type from jobqueue.rollups r, jobqueue.watch w where r.minute >= w.folded_until limit 10000) r
             union select type from (select * from scheduled limit 1000) s
           )
           select to_jsonb(array(select distinct queue from both_names)) as queues,
                  to_jsonb(array(select type from both_names union select type from recent)) as types,
                  (select count(*) < $1 from live) as complete`,
    params: [most],
  });
  return only(rows);
}
