-- A claim tells one person's parameters from a template that Meta refuses, and goes by what each template is now.

-- claim_recipients: takes up to as many recipients as there are opaque ids, judged and with their attempts written, before any
-- call goes out. `only_id`: this recipient and no other.
--
-- Answers {status, templateStatus, template {name, language}, templates {language: {parameters, format, body, components}},
-- newest {ended, failed, codes, counts, accepted}, claimed [{id, claim, opaqueId, phone, language, parameters, attempt, wasCapped}],
-- skipped, renew, nextInMs, exhausted, peopleFreeInMs}; a campaign that does not run answers its status alone, one whose template is not approved claims nobody.
--   newest           of the last `failure_sample` recipients whose attempt ended since the last start or resume; `counts` has how
--                    often each code occurs; `accepted` is of the whole campaign: Meta took a message of it
--   renew            due recipients whose quiet hours have to be looked at again
--   nextInMs         when the next one is due, null: none waits
--   exhausted        nobody waits and nobody is being sent to
--   peopleFreeInMs   the portfolio's limit leaves nobody to claim before
--
-- Until one message was taken since the last start, or three were not, there is one attempt at a time: a template or an account
-- that Meta refuses is refused once, and not once for each call that was under way. A refusal that may lie in one person's
-- parameters decides nothing before the third.
--
-- A person is written to in their own language where the template is approved in it. The opt-out from marketing counts where the
-- campaign's template or that translation is marketing now, whatever it was when the campaign was made.
--
-- A function and not a statement: all claims of a portfolio stand in line at its row, and what they judge by must be read after
-- the wait. Each statement in here sees what the one before it waited for; a single statement would see what was before.
-- So the limit of people and the cap per person hold however many claim at once. It takes some 4 ms, and the line is free again.
--
-- Every look is at a few rows of an index. But plans are made once a connection, when a campaign's tables are still empty and the
-- planner would rather read them whole, and stay until they are analysed: 47 ms a claim after 56,000 recipients. Hence no scans of
-- whole tables and no bitmaps, here and below.
create or replace function claim_recipients(campaign text, claim uuid, opaque_ids text[], only_id bigint default null)
returns jsonb
language plpgsql volatile
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  -- Meta's window starts when it accepts, ours when we claim: five minutes are longer than any call.
  c_window    constant interval := interval '24 hours 5 minutes';
  c           campaigns;
  t           templates;
  v_now       timestamptz;
  v_portfolio text;
  v_limit     int;
  v_used      int;
  v_ids       bigint[];
  v_claimed   jsonb;
  v_skipped   int;
  v_new       int;
  v_most      int;
  v_answer    jsonb;
begin
  select * into c from campaigns where id = campaign;
  if c.status is distinct from 'running' then
    return jsonb_build_object('status', coalesce(c.status, 'unknown'));
  end if;
  select coalesce(s.whatsapp_portfolio_id, 'company:' || co.id), s.whatsapp_daily_people into v_portfolio, v_limit
  from companies co left join company_settings s on s.company_id = co.id
  where co.id = c.company_id;

  insert into portfolios (id) values (v_portfolio) on conflict (id) do nothing;
  perform from portfolios where id = v_portfolio for update;
  v_now := clock_timestamp();
  select * into t from templates where id = c.template_id;
  v_answer := jsonb_build_object('status', c.status, 'templateStatus', t.status, 'claimed', '[]'::jsonb, 'skipped', 0,
    'newest', (
      select jsonb_build_object('ended', count(*), 'failed', count(*) filter (where status = 'failed'),
        'codes', coalesce(jsonb_agg(distinct error_code) filter (where status = 'failed' and error_code is not null), '[]'),
        'counts', coalesce((
          select jsonb_object_agg(code, n)
          from (select code, count(*) as n from unnest(array_agg(error_code) filter (where status = 'failed')) as code
                where code is not null group by code) coded), '{}'),
        'accepted', exists (select from recipients where campaign_id = c.id and attempt > 0 and wamid is not null))
      from (select status, error_code from recipients
            where campaign_id = c.id and attempt > 0 and status_at > c.breaker_from
              and status not in ('pending', 'deferred', 'sending')
            order by status_at desc
            limit c.failure_sample) newest));
  if t.status <> 'APPROVED' then
    return v_answer;
  end if;

  with gone as (
    delete from portfolio_people
    where ctid = any(array(
      select ctid from portfolio_people
      where portfolio_id = v_portfolio and last_at <= v_now - c_window
      order by last_at
      limit 1000)) -- of more the rest counts until the next claim: too many is the safe side
    returning 1
  )
  update portfolios set used = used - (select count(*) from gone) where id = v_portfolio
  returning used into v_used;

  v_most := case
    when c.expires_at <= v_now then 1000 -- all of them are skipped
    when (v_answer->'newest'->>'ended')::int > least((v_answer->'newest'->>'failed')::int, 2) then cardinality(opaque_ids)
    when exists (select from recipients where campaign_id = c.id and status = 'sending') then 0
    else 1
  end;
  v_ids := array(
    select id from recipients
    where campaign_id = c.id and status in ('pending', 'deferred') and next_at <= v_now
      and coalesce(closes_at > v_now or c.expires_at <= v_now, true)
      and coalesce(id = only_id, true)
    order by next_at, id
    limit v_most
    for update skip locked);

  with judged as (
    select r.id, r.phone_e164, r.next_at,
      case
        when c.expires_at <= v_now then 'expired'
        when exists (
          select from opt_outs o
          where o.company_id = c.company_id and o.phone_e164 = r.phone_e164 and o.lifted_at is null
            and (o.scope = 'all' or t.category = 'MARKETING' or exists (
              select from templates own
              where own.company_id = c.company_id and own.name = t.name and own.language = r.language and own.status = 'APPROVED'
                and own.category = 'MARKETING'))) then 'opted_out'
        when c.cap_messages <= (
          select count(*) from recipients p
          where p.company_id = c.company_id and p.phone_e164 = r.phone_e164 and p.attempt > 0 and p.campaign_id <> c.id
            and p.claimed_at > v_now - c.cap_hours * interval '1 hour'
            and p.status in ('sending', 'accepted', 'sent', 'delivered', 'read', 'unknown', 'unconfirmed')) then 'frequency_cap'
      end as skip,
      exists (
        select from conversations v
        where v.company_id = c.company_id and v.phone_e164 = r.phone_e164
          and v.last_inbound_at > v_now - interval '24 hours') as in_service_window,
      exists (
        select from portfolio_people p
        where p.portfolio_id = v_portfolio and p.phone_e164 = r.phone_e164) as is_counted
    from recipients r
    where r.id = any(v_ids)
  ), placed as (
    select *, count(*) filter (where skip is null and not in_service_window and not is_counted)
                over (order by next_at, id) as new_people
    from judged
  ), chosen as (
    select *, row_number() over (order by next_at, id) as n
    from placed
    where skip is null
      and (in_service_window or is_counted or v_limit is null or new_people <= greatest(v_limit - v_used, 0))
  ), people as (
    insert into portfolio_people as p (portfolio_id, phone_e164, first_at, last_at)
    select v_portfolio, phone_e164, v_now, v_now from chosen where not in_service_window
    on conflict (portfolio_id, phone_e164) do update set last_at = greatest(p.last_at, excluded.last_at)
    returning phone_e164, xmax = 0 as is_new
  ), skipped as (
    update recipients r set status = 'skipped', skip_reason = placed.skip, status_at = v_now, deferred_for = null
    from placed where r.id = placed.id and placed.skip is not null
    returning 1
  ), claimed as (
    update recipients r
    set status = 'sending', claim_id = claim, claimed_at = v_now, status_at = v_now, attempt = r.attempt + 1,
        opaque_id = opaque_ids[chosen.n], wamid = null, error_code = null, error = null, deferred_for = null,
        opened_window = coalesce(people.is_new, false)
    from chosen left join people using (phone_e164)
    where r.id = chosen.id
    returning r.*
  ), attempts as (
    insert into delivery_attempts (opaque_id, company_id, recipient_id, attempt, started_at)
    select opaque_id, company_id, id, attempt, v_now from claimed
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', id::text, 'claim', claim_id, 'opaqueId', opaque_id, 'phone', phone_e164,
           'language', language, 'parameters', parameters, 'attempt', attempt, 'wasCapped', capped_at is not null) order by id), '[]'),
         (select count(*) from skipped), (select count(*) from people where is_new)
  into v_claimed, v_skipped, v_new
  from claimed;
  update portfolios set used = used + v_new where id = v_portfolio and v_new > 0;

  return v_answer || jsonb_build_object(
    'claimed', v_claimed, 'skipped', v_skipped,
    'templates', (
      select jsonb_object_agg(language, jsonb_build_object('parameters', parameters, 'format', parameter_format, 'body', body,
        'components', components))
      from templates where company_id = c.company_id and name = t.name and (id = t.id or status = 'APPROVED')),
    'template', jsonb_build_object('name', t.name, 'language', t.language),
    'renew', cardinality(v_ids) < v_most and exists ( -- else there is enough to do, and looking would read all who are due
      select from recipients
      where campaign_id = c.id and status in ('pending', 'deferred') and next_at <= v_now and closes_at <= v_now),
    'nextInMs', (
      select case when v_most = 0 then 250 else greatest(extract(epoch from next_at - v_now) * 1000, 0) end
      from recipients
      where campaign_id = c.id and status in ('pending', 'deferred') and coalesce(id = only_id, true)
      order by next_at
      limit 1),
    'exhausted', not exists (select from recipients where campaign_id = c.id and status in ('pending', 'deferred'))
      and not exists (select from recipients where campaign_id = c.id and status = 'sending'),
    'peopleFreeInMs', case when cardinality(v_ids) > 0 and v_claimed = '[]' and v_skipped = 0 then (
      -- a twentieth of the limit at once: else it would wake for each single person
      select greatest(extract(epoch from last_at + c_window - v_now) * 1000, 0) from portfolio_people
      where portfolio_id = v_portfolio
      order by last_at
      offset greatest(v_used - v_limit, 0) + greatest(v_limit / 20, 1) - 1
      limit 1) end);
end $$;
