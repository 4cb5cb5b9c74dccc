-- guard_1: pauses each guarded type of whose attempts too many have failed in the last ten minutes. Part of look_1.
--
-- guards  {type: {failureRatio, of}}; of: how many attempts there must have been
--
-- A pause of a guard ends when an operator resumes the type, and only then; its incident ends with it. Then the guard counts
-- anew: only minutes that began after the resume was seen, so that what led to the pause cannot lead to the next.
create or replace function jobqueue.guard_1(guards jsonb)
returns void
language plpgsql volatile
as $$
#variable_conflict use_column
begin
  update jobqueue.incidents i
  set closed_at = now(), closed_muted = jobqueue.is_muted_1(i.check_name, i.subject), notice_tries = 0
  where i.closed_at is null and i.check_name = 'guard'
    and not exists (select from jobqueue.pauses p where p.queue = '*' and p.type = i.subject);

  with tripped as (
    select g.key as type, (g.value ->> 'failureRatio')::float8 as ratio, a.failed, a.ended
    from jsonb_each(guards) g
    left join lateral (
      select i.closed_at from jobqueue.incidents i
      where i.check_name = 'guard' and i.subject = g.key order by i.id desc limit 1) last on true
    cross join lateral (
      select sum(r.failed + r.dead)::float8 as failed, sum(r.completed + r.failed + r.dead)::float8 as ended
      from generate_series(date_trunc('minute', now()) - interval '9 minutes', date_trunc('minute', now()), interval '1 minute') as m(minute)
      cross join lateral (
        select c.completed, c.failed, c.dead from jobqueue.rollups c
        where c.minute = m.minute and c.type = g.key and (last.closed_at is null or c.minute >= last.closed_at)
        limit 1000) r
    ) a
    where a.ended >= (g.value ->> 'of')::float8 and a.failed > (g.value ->> 'failureRatio')::float8 * a.ended
  ), paused as (
    insert into jobqueue.pauses (queue, type, reason)
    select '*', t.type, format('guard: %s of the last %s attempts failed, more than %s %%', t.failed, t.ended, round((t.ratio * 100)::numeric, 1)::float8)
    from tripped t
    order by t.type
    on conflict (queue, type) do nothing
    returning type, reason
  ), audited as (
    insert into jobqueue.audit_log (actor, action, details)
    select 'guard', 'pause', jsonb_build_object('type', t.type, 'reason', p.reason, 'failed', t.failed, 'ended', t.ended, 'failureRatio', t.ratio)
    from paused p join tripped t on t.type = p.type
  )
  insert into jobqueue.incidents (check_name, subject, detail)
  select 'guard', t.type, jsonb_build_object('value', t.failed / t.ended, 'limit', t.ratio,
                                             'data', jsonb_build_object('failed', t.failed, 'ended', t.ended))
  from paused p join tripped t on t.type = p.type
  on conflict (check_name, subject) where closed_at is null do nothing;
end $$;
