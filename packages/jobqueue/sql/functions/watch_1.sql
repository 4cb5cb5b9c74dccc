-- watch_1: looks at the queue's health at most once a minute, whoever asks, and hands out what nobody has been told of yet.
--
-- request  {token, thresholds, guards: {type: {failureRatio, of}}, environment?, enqueue?}; thresholds: as health_1 describes them
--          environment: where the caller runs, or null; in the database of another one nobody is told anything
--          enqueue: asked beside an enqueue, so only for the ticks, which cannot notice their own absence
-- answer   null, or {token, notices: [{id, kind, check, subject, value, limit, data, openedMs, lastedMs}], failed}; kind: red | green,
--          at most 10
--
-- Promises:
-- * One of many that ask at once looks, and nobody waits for it.
-- * A notice is handed to one drain, and to no other before its time is up: 50 s at first, then twice as long at each try. The
--   same token gets it again, so that a repeated step answers what its lost twin did.
-- * Nobody is told of what is muted, nor of an open incident that somebody has acknowledged. What is still open when its mute ends is
--   told then; what ended within it never is.
-- * A look that fails is told, and fails nothing else.
create or replace function jobqueue.watch_1(request jsonb)
returns jsonb
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_token   uuid := request ->> 'token';
  v_failed  text;
  v_pending bigint[];
  v_notices jsonb;
begin
  perform jobqueue.check_session_1();
  if request ? 'environment' and jobqueue.other_environment_1(request ->> 'environment') is not null then
    return null;
  end if;
  if (request ->> 'enqueue')::boolean then
    perform jobqueue.miss_ticks_1((request -> 'thresholds' ->> 'tickMs')::float8);
  else
    -- Ticks come a minute apart, more or less: with a whole minute here every second one would find it too early to look.
    perform from jobqueue.watch w where w.looked_at <= now() - interval '50 seconds' for no key update skip locked;
    if found then
      update jobqueue.watch set looked_at = now();
      begin
        perform jobqueue.look_1(request);
      exception when others then
        v_failed := sqlstate || ': ' || sqlerrm;
      end;
    end if;
  end if;

  v_pending := array(
    select p.id from jobqueue.incidents p
    where (p.notified_at is null or p.closed_at is not null and p.recovery_notified_at is null)
      and not p.closed_muted and not jobqueue.is_muted_1(p.check_name, p.subject)
      and (p.closed_at is not null or p.acknowledged_at is null)
      and (p.notice_until is null or p.notice_until < now() or p.notice = v_token)
    order by p.id limit 10
    for no key update skip locked);
  if v_pending = '{}' and v_failed is null then
    return null;  -- as nearly always
  end if;
  with mine as (
    update jobqueue.incidents i
    set notice = v_token,
        notice_until = now() + interval '50 seconds' * 2 ^ least(i.notice_tries, 4),
        notice_tries = least(i.notice_tries + (i.notice is distinct from v_token)::int, 100)
    where i.id = any(v_pending)
    returning i.*
  )
  select jsonb_agg(jsonb_build_object(
           'id', m.id::text, 'kind', case when m.closed_at is null then 'red' else 'green' end, 'check', m.check_name,
           'subject', m.subject, 'openedMs', (extract(epoch from m.opened_at) * 1000)::float8, 'value', m.detail -> 'value', 'limit', m.detail -> 'limit', 'data', m.detail -> 'data',
           'lastedMs', round(extract(epoch from coalesce(m.closed_at, now()) - m.opened_at) * 1000)) order by m.id)
  into v_notices
  from mine m;

  return jsonb_build_object('token', v_token, 'notices', coalesce(v_notices, '[]'), 'failed', v_failed);
end $$;
