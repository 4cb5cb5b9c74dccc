-- Campaigns: one approved template, sent once to each person of an audience. Every recipient is a row, and the rows are the
-- work list, the report and the truth; the queue's job only names the campaign.

-- Whom an audience of leads can be made of.
alter table leads
  add column tags text[] not null default '{}',
  add column time_zone text,                                    -- IANA name; null = found by the number's country
  add column consented_at timestamptz;                          -- when they agreed to marketing; null = nobody knows of it

create index leads_of_tag on leads using gin (tags);
create index leads_of_company on leads (company_id, id);

-- Meta's templates as they were last heard of. One name has a row for each language.
create table templates (
  id               bigint generated always as identity primary key,
  company_id       text not null references companies (id),
  name             text not null,
  language         text not null,                               -- Meta's code, as in en_US
  category         text not null,
  status           text not null default 'PENDING',
  body             text not null,
  parameter_format text not null default 'POSITIONAL',
  parameters       jsonb not null default '[]',                 -- [{component, name, index?}]: what a message has to fill in
  status_reason    text,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  constraint one_template_per_name_and_language unique (company_id, name, language),
  constraint template_name_is_metas check (name ~ '^[a-z0-9_]+$' and length(name) <= 512),
  constraint language_is_a_code check (language ~ '^[a-z]{2,3}(_[A-Z]{2})?$'),
  constraint category_is_known check (category in ('MARKETING', 'UTILITY', 'AUTHENTICATION')),
  constraint status_is_known check (status in ('PENDING', 'APPROVED', 'REJECTED', 'PAUSED', 'DISABLED')),
  constraint parameter_format_is_known check (parameter_format in ('POSITIONAL', 'NAMED')),
  constraint parameters_are_a_list check (jsonb_typeof(parameters) = 'array')
);

create table campaigns (
  id              text primary key,
  company_id      text not null references companies (id),
  name            text not null,
  template_id     bigint not null references templates (id),
  status          text not null default 'draft',
  sha256          text,                                         -- of the request that made it: sent again it is the same campaign
  audience        jsonb not null,                               -- {kind: 'leads', filters} or {kind: 'list'}: see campaign_entries
  parameters      jsonb not null default '{}',                  -- what fills each parameter of the template: {key: {value | field, fallback}}
  quiet_hours     jsonb,                                        -- {from, to}, local time of the recipient; null = none
  scheduled_at    timestamptz,
  expires_at      timestamptz,                                  -- who was not reached by then is skipped
  resend_unknown  boolean not null default false,               -- false: at most once; true: an unconfirmed message is sent again
  needs_consent   boolean not null default false,
  cap_messages    int,                                          -- at most so many campaign messages to a person …
  cap_hours       int,                                          -- … in so many hours, over all campaigns of the company
  failure_ratio   real not null default 0.5,                    -- pauses when more than this share …
  failure_sample  int  not null default 50,                     -- … of the last so many failed
  shards          int  not null default 1,                      -- jobs that send at once
  prices          jsonb not null default '{}',                  -- of one billed message by category, and the currency
  run             int  not null default 0,                      -- rises with every start: part of its jobs' keys
  plan_position   bigint not null default 0,                    -- the last lead or entry that was planned: what slices compare and set
  plan_limit      bigint,                                       -- the audience ends here: leads that come later are not in it
  planned_at      timestamptz,
  breaker_from    timestamptz not null default now(),           -- failures before a resume are forgiven
  paused_at       timestamptz,
  paused_until    timestamptz,                                  -- goes on by itself then; null = an operator has to
  pause           jsonb,                                        -- {code, message}
  failure         jsonb,                                        -- {code, message}
  created_at      timestamptz not null default now(),
  started_at      timestamptz,
  settling_at     timestamptz,
  finished_at     timestamptz,
  report          jsonb,                                        -- as it stood when the campaign ended
  constraint campaign_id_is_a_name check (id ~ '^[A-Za-z0-9_-]{8,64}$'),
  constraint status_is_known check (status in
    ('draft', 'planning', 'running', 'paused', 'settling', 'completed', 'cancelled', 'failed')),
  constraint a_pause_has_a_reason check ((status = 'paused') = (pause is not null)),
  constraint a_failure_has_a_reason check ((status = 'failed') = (failure is not null)),
  constraint a_cap_has_both_numbers check (num_nonnulls(cap_messages, cap_hours) in (0, 2)),
  constraint cap_is_bounded check (cap_messages between 1 and 100 and cap_hours between 1 and 720),
  constraint failure_ratio_is_a_share check (failure_ratio > 0 and failure_ratio <= 1),
  constraint failure_sample_is_10_to_1000 check (failure_sample between 10 and 1000),
  constraint shards_are_1_to_16 check (shards between 1 and 16)
) with (fillfactor = 50);                                       -- planning rewrites the row with every slice

create index campaigns_of_company on campaigns (company_id, created_at);

-- An audience that came as a list, until it is planned.
create table campaign_entries (
  campaign_id text not null references campaigns (id) on delete cascade,
  n           bigint not null,                                  -- its place in the list, from 1
  phone       text not null,                                    -- as it was given
  name        text,
  language    text,
  time_zone   text,
  consented   boolean not null default false,
  parameters  jsonb not null default '{}',                      -- fields of this person, for the campaign's parameters
  primary key (campaign_id, n)
);

-- Everybody of the audience has a row, also who is skipped: so the report is counted and not kept in step.
create table recipients (
  id               bigint generated always as identity primary key,
  campaign_id      text not null references campaigns (id) on delete cascade,
  company_id       text not null references companies (id),
  phone_e164       text,                                        -- null: no number, or another row has it
  given            text,                                        -- what stood there instead
  lead_id          bigint references leads (id) on delete set null,
  name             text,
  language         text,                                        -- the person's; the campaign's template counts where it has none in it
  parameters       jsonb not null default '{}',                 -- {key: text}, resolved when it was planned
  time_zone        text,                                        -- the person's own; null = found by the number's country
  status           text not null default 'pending',
  claim_id         uuid,
  claimed_at       timestamptz,
  attempt          int  not null default 0,
  opaque_id        text,                                        -- of the last attempt
  wamid            text,
  next_at          timestamptz not null default now(),          -- not before
  closes_at        timestamptz,                                 -- not after, without looking at the quiet hours again
  deferred_for     text,                                        -- why next_at lies ahead
  capped_at        timestamptz,                                 -- Meta's cap met it: waited out once, final the second time
  opened_window    boolean not null default false,              -- this attempt made the person count in the portfolio
  error_code       int,
  error            text,
  skip_reason      text,
  pricing_category text,
  pricing_model    text,
  billable         boolean,
  cost             numeric,                                     -- where somebody knows better than the campaign's prices
  status_at        timestamptz not null default now(),
  constraint one_message_per_number unique (campaign_id, phone_e164),
  constraint phone_is_e164 check (phone_e164 ~ '^\+[1-9][0-9]{4,14}$'),
  constraint status_is_known check (status in ('pending', 'sending', 'accepted', 'sent', 'delivered', 'read', 'failed', 'unknown',
    'unconfirmed', 'skipped', 'deferred')),
  constraint only_who_is_skipped_lacks_a_number check (phone_e164 is not null or status = 'skipped'),
  constraint a_skip_has_a_reason check ((status = 'skipped') = (skip_reason is not null)),
  constraint who_is_sent_to_was_claimed check (status <> 'sending' or (claim_id is not null and claimed_at is not null))
) with (fillfactor = 80);

create index recipients_due on recipients (campaign_id, next_at, id) where status in ('pending', 'deferred');
create index recipients_unsettled on recipients (campaign_id, status_at) where status in ('sending', 'unknown');
create index recipients_newest on recipients (campaign_id, status_at) where attempt > 0;
create index recipients_capped on recipients (campaign_id) where status = 'failed' and error_code = 131049 and capped_at is null;
create index recipients_of_person on recipients (company_id, phone_e164, claimed_at) where attempt > 0;
create index recipients_of_lead on recipients (lead_id) where lead_id is not null;
create index recipients_wamid on recipients (company_id, wamid) where wamid is not null;

alter table delivery_attempts
  add constraint delivery_attempts_recipient_id_fkey foreign key (recipient_id) references recipients (id) on delete cascade;

-- Meta counts the unique people whom all numbers of a portfolio write to first, over 24 hours. `used` is how many rows
-- portfolio_people has of it: it changes under this row's lock only, so the limit holds whoever sends.
create table portfolios (
  id   text primary key,                                        -- Meta's, or 'company:' and the company's id where nobody said
  used int not null default 0,
  constraint used_is_not_negative check (used >= 0)
) with (fillfactor = 50);

create table portfolio_people (
  portfolio_id text not null references portfolios (id) on delete cascade,
  phone_e164   text not null,
  first_at     timestamptz not null default now(),
  last_at      timestamptz not null default now(),              -- counts for 24 hours from here
  primary key (portfolio_id, phone_e164)
);

create index portfolio_people_oldest on portfolio_people (portfolio_id, last_at);

-- claim_recipients: takes up to as many recipients as there are opaque ids, judged and with their attempts written, before any
-- call goes out. `only_id`: this recipient and no other.
--
-- Answers {status, templateStatus, template {name, language}, templates {language: {parameters, format}}, newest {ended, failed,
-- codes}, claimed [{id, claim, opaqueId, phone, language, parameters, attempt, wasCapped}], skipped, renew, nextInMs, exhausted,
-- peopleFreeInMs}; a campaign that does not run answers its status alone, one whose template is not approved claims nobody.
--   newest           of the last `failure_sample` recipients whose attempt ended since the last start or resume
--   renew            due recipients whose quiet hours have to be looked at again
--   nextInMs         when the next one is due, null: none waits
--   exhausted        nobody waits and nobody is being sent to
--   peopleFreeInMs   the portfolio's limit leaves nobody to claim before
--
-- Until one attempt has ended since the last start there is one attempt at a time: a template or an account that Meta refuses
-- is refused once, and not once for each call that was under way.
--
-- A function and not a statement: all claims of a portfolio stand in line at its row, and what they judge by must be read after
-- the wait. Each statement in here sees what the one before it waited for; a single statement would see what was before.
-- So the limit of people and the cap per person hold however many claim at once. It takes some 4 ms, and the line is free again.
--
-- Every look is at a few rows of an index. But plans are made once a connection, when a campaign's tables are still empty and the
-- planner would rather read them whole, and stay until they are analysed: 47 ms a claim after 56,000 recipients. Hence no scans of
-- whole tables and no bitmaps, here and below.
create function claim_recipients(campaign text, claim uuid, opaque_ids text[], only_id bigint default null)
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
        'codes', coalesce(jsonb_agg(distinct error_code) filter (where status = 'failed' and error_code is not null), '[]'))
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
    when (v_answer->'newest'->>'ended')::int > 0 then cardinality(opaque_ids)
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
            and (o.scope = 'all' or t.category = 'MARKETING')) then 'opted_out'
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
      select jsonb_object_agg(language, jsonb_build_object('parameters', parameters, 'format', parameter_format))
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

-- settle_recipients: writes what became of claimed recipients.
--
-- outcomes [{id, claim, opaqueId, to, call, counts, wamid?, code?, error?, delayMs?, reason?, optedOut?}]
--   to     'accepted', 'failed', 'unknown', 'pending' or 'deferred' (both not before delayMs from now; reason: why)
--   call   what delivery_attempts keeps: 'accepted', 'refused', 'unsent', 'unknown', or null: no call was made at all
--   counts whether it was an attempt of this message: not where nobody answered, or others were too quick
-- Under its claim only, and never back: a webhook that came before our own answer stands. A message that provably never left us,
-- or was refused, gives its person's place in the portfolio back.
-- The portfolio's row is locked first, as claims do: else the two could deadlock over a person.
create function settle_recipients(campaign text, outcomes jsonb)
returns void
language plpgsql volatile
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  v_company   text;
  v_portfolio text;
begin
  select c.company_id, coalesce(s.whatsapp_portfolio_id, 'company:' || c.company_id) into v_company, v_portfolio
  from campaigns c left join company_settings s on s.company_id = c.company_id
  where c.id = campaign;
  perform from portfolios
  where id = v_portfolio and outcomes @? '$[*] ? (@.to == "pending" || @.to == "deferred" || @.to == "failed")'
  for update;

  with given as (
    select * from jsonb_to_recordset(outcomes) as o(id bigint, claim uuid, "opaqueId" text, "to" text, call text, counts boolean, wamid text, code int,
      error text, "delayMs" float8, reason text, "optedOut" boolean)
  ), uncalled as (
    delete from delivery_attempts a using given where a.opaque_id = given."opaqueId" and given.call is null
  ), called as (
    update delivery_attempts a
    set outcome = given.call, ended_at = clock_timestamp(), wamid = coalesce(a.wamid, given.wamid),
        error_code = given.code, error = given.error
    from given
    where a.opaque_id = given."opaqueId" and given.call is not null and a.outcome is distinct from 'accepted'
  ), opted_out as (
    insert into opt_outs as o (company_id, phone_e164, scope, source, reason)
    select distinct r.company_id, r.phone_e164, 'marketing', 'delivery_error', given.error
    from given join recipients r using (id)
    where given."optedOut"
    order by 2
    on conflict (company_id, phone_e164, scope) do update set lifted_at = null, opted_out_at = now(), source = excluded.source
    where o.lifted_at is not null
  ), settled as (
    update recipients r
    set status     = case when r.status in ('sending', 'unknown', 'unconfirmed') then given."to" else r.status end,
        status_at  = case when r.status in ('sending', 'unknown', 'unconfirmed') then clock_timestamp() else r.status_at end,
        wamid      = coalesce(r.wamid, given.wamid),
        attempt    = r.attempt - case when given.counts then 0 else 1 end,
        error_code = case when r.status in ('sending', 'unknown', 'unconfirmed') then given.code else r.error_code end,
        error      = case when r.status in ('sending', 'unknown', 'unconfirmed') then given.error else r.error end,
        next_at    = case when given."to" in ('pending', 'deferred')
                          then clock_timestamp() + coalesce(given."delayMs", 0) * interval '1 ms' else r.next_at end,
        deferred_for = case when given."to" in ('pending', 'deferred') then given.reason end,
        capped_at  = case when given.reason = 'capped' then clock_timestamp() else r.capped_at end
    from given
    where r.id = given.id and r.claim_id = given.claim and r.opaque_id = given."opaqueId"
      and (given."to" = 'accepted' or r.status in ('sending', 'unknown'))
    returning r.id, r.phone_e164, r.claimed_at, r.opened_window and given."to" in ('pending', 'deferred', 'failed') as gives_back
  ), forgotten as (
    -- somebody else may have written to the person since: then last_at is theirs
    delete from portfolio_people p using settled
    where p.portfolio_id = v_portfolio and p.phone_e164 = settled.phone_e164 and settled.gives_back
      and p.last_at = settled.claimed_at
    returning 1
  )
  update portfolios set used = used - (select count(*) from forgotten)
  where id = v_portfolio and exists (select from forgotten);
end $$;
