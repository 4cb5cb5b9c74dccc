-- A person who stopped marketing may be known by an id alone: apply_statuses writes the opt-out under whatever is known.

-- apply_statuses: statuses of messages of one company, as they stand in webhooks.
--
-- statuses  [{opaqueId?, wamid, status: sent | delivered | read | failed, atMs, code?, error?, billable?, category?, model?}]
-- answer    how many were parked, because the attempts that they speak of are not known yet
--
-- What it promises:
-- * A status only ever moves a message on: sent < failed < delivered < read. A message that Meta called failed and then
--   delivered was delivered; a late «sent» changes nothing; a status that comes twice changes nothing.
-- * An attempt is found by its opaque id, which was committed before its call, else by Meta's id, which was not.
-- * «failed» speaks of one attempt: it does not touch a recipient who is being sent to anew.
-- * Rows are locked in the order of their ids, recipients before attempts: two webhooks never wait for each other.
create or replace function apply_statuses(company text, statuses jsonb) returns int
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  v_best   jsonb;  -- of each attempt the status that counts most
  v_parked int;
begin
  with given as (
    select * from jsonb_to_recordset(statuses) as g("opaqueId" text, wamid text, status text, "atMs" float8, code int, error text,
      billable boolean, category text, model text)
  ), found as (
    select g.*, a.opaque_id, a.message_id, a.recipient_id
    from given g
    left join lateral (
      select a.opaque_id, a.message_id, a.recipient_id from delivery_attempts a
      where a.company_id = company and a.opaque_id = g."opaqueId"
      union all
      select a.opaque_id, a.message_id, a.recipient_id from delivery_attempts a
      where a.company_id = company and a.wamid = g.wamid
      limit 1) a on true
  ), parked as (
    insert into parked_statuses (company_id, wamid, status)
    select company, wamid, jsonb_strip_nulls(to_jsonb(f) - '{opaque_id,message_id,recipient_id}'::text[])
    from found f
    where opaque_id is null
    on conflict (company_id, wamid, (status ->> 'status')) do nothing
  )
  select (select count(*) from found where opaque_id is null),
         (select jsonb_agg(to_jsonb(b)) from (
            select distinct on (opaque_id) opaque_id, message_id, recipient_id, wamid, status, to_timestamp("atMs" / 1000) as at, code, error,
              max(category) over (partition by opaque_id) as category,
              max(model) over (partition by opaque_id) as model,
              bool_or(billable) over (partition by opaque_id) as billable
            from found
            where opaque_id is not null
            order by opaque_id, delivery_rank(status) desc) b)
  into v_parked, v_best;
  if v_best is null then
    return v_parked;
  end if;

  perform from messages m where m.id in (select (b ->> 'message_id')::bigint from jsonb_array_elements(v_best) as x(b)) order by m.id for update;
  update messages m
  set status = b.status, status_at = least(b.at, now()), error_code = b.code, error = b.error, wamid = coalesce(m.wamid, b.wamid)
  from jsonb_to_recordset(v_best) as b(message_id bigint, wamid text, status text, at timestamptz, code int, error text)
  where m.id = b.message_id and m.status not in ('received', 'cancelled') and delivery_rank(b.status) > delivery_rank(m.status);

  perform from recipients r where r.id in (select (b ->> 'recipient_id')::bigint from jsonb_array_elements(v_best) as x(b)) order by r.id for update;
  update recipients r
  set status     = case when moves then b.status else r.status end,
      status_at  = case when moves then clock_timestamp() else r.status_at end,
      error_code = case when moves then b.code else r.error_code end,
      error      = case when moves then b.error else r.error end,
      wamid      = coalesce(r.wamid, b.wamid),
      pricing_category = coalesce(r.pricing_category, b.category),
      pricing_model    = coalesce(r.pricing_model, b.model),
      billable         = coalesce(r.billable, b.billable)
  from (
    select b.*, delivery_rank(b.status) > delivery_rank(r.status)
                and (b.status <> 'failed' or r.opaque_id = b.opaque_id and r.status not in ('pending', 'deferred')) as moves
    from jsonb_to_recordset(v_best) as b(opaque_id text, recipient_id bigint, wamid text, status text, code int, error text, category text,
      model text, billable boolean)
    join recipients r on r.id = b.recipient_id
  ) b
  where r.id = b.recipient_id and r.status <> 'skipped';

  perform from delivery_attempts a where a.opaque_id in (select b ->> 'opaque_id' from jsonb_array_elements(v_best) as x(b)) order by a.opaque_id for update;
  update delivery_attempts a
  set outcome = 'accepted', wamid = coalesce(a.wamid, b.wamid), ended_at = coalesce(a.ended_at, now()),
      error_code = b.code, error = b.error
  from jsonb_to_recordset(v_best) as b(opaque_id text, wamid text, code int, error text)
  where a.opaque_id = b.opaque_id and (a.outcome is distinct from 'accepted' or a.wamid is null or b.code is not null);

  -- The person stopped marketing (131050), or has no WhatsApp (131026).
  perform opt_out(company, p.phone_e164, p.whatsapp_user_id, 'marketing', 'delivery_error', '131050')
  from (
    select r.phone_e164, null as whatsapp_user_id
    from jsonb_to_recordset(v_best) as b(recipient_id bigint, code int) join recipients r on r.id = b.recipient_id
    where b.code = 131050
    union
    select v.phone_e164, v.whatsapp_user_id
    from jsonb_to_recordset(v_best) as b(message_id bigint, code int)
    join messages m on m.id = b.message_id
    join conversations v on v.id = m.conversation_id
    where b.code = 131050
    order by 1, 2) p;

  update leads l set whatsapp_unreachable_at = now()
  where l.id = any(array(
    select l.id
    from jsonb_to_recordset(v_best) as b(message_id bigint, recipient_id bigint, code int)
    cross join lateral (
      select r.phone_e164 from recipients r where r.id = b.recipient_id
      union all
      select v.phone_e164 from messages m join conversations v on v.id = m.conversation_id where m.id = b.message_id) p
    join leads l on l.company_id = company and l.phone_e164 = p.phone_e164
    where b.code = 131026 and l.whatsapp_unreachable_at is null
    order by l.id
    for update of l));
  return v_parked;
end $$;
