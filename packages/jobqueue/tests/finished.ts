/** Completed jobs in great number, as drains leave them: batches, each with one settlement. */

/**
 * Stores `$1` jobs in batches of `$2`, with ids above all others, created a second apart up to now, of the types type-0 to type-4. Its
 * tables are to be analysed afterwards.
 */
export const FINISHED_IN_BATCHES = `
  with numbered as (
    select n, (n - 1) / $2::int as batch, (select last_value from jobqueue.jobs_id_seq) + n as id from generate_series(1, $1::int) n
  ), batched as (
    insert into jobqueue.batches (drain, queue, type, priority, ids, due_at, payloads)
    select gen_random_uuid(), 'default', 'type-' || batch % 5, 0, array_agg(id order by id),
           array_agg(now() - ($1::int - n) * interval '1 second' order by id), array_agg(jsonb_build_object('n', n) order by id)
    from numbered group by batch order by batch
    returning id, ids
  ), placed as (
    insert into jobqueue.blocks (block, last, batch)
    select i >> 10, max(i & 1023), b.id from batched b cross join lateral unnest(b.ids) as i group by 1, 3
  ), settled as (
    insert into jobqueue.settlements (batch, n, done, ran, ended)
    select id, 1, repeat('1', cardinality(ids))::varbit, array_fill(5, array[cardinality(ids)]), array_fill(1, array[cardinality(ids)])
    from batched
  )
  select setval('jobqueue.jobs_id_seq', max(u.id)) from batched b cross join lateral unnest(b.ids) as u(id)`;

export const BATCHES = ['batches', 'blocks', 'settlements'];
