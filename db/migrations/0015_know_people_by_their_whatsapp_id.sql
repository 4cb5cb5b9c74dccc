-- People with a username: Meta leaves their number out of its webhooks and names a business-scoped user id instead. A person is
-- known by a number, by such an id, or by both.

-- Links the ids to numbers. An id has one number at a time. A number can have several ids over the years, because it can change hands.
create table whatsapp_users (
  company_id text not null references companies (id),
  user_id    text not null,                                     -- as in US.13491208655302741918
  phone_e164 text,                                              -- null: Meta has not told it
  username   text,                                              -- changes at will: for people to read, never a key
  seen_at    timestamptz not null default now(),                -- when any of this was new
  primary key (company_id, user_id),
  constraint phone_is_e164 check (phone_e164 ~ '^\+[1-9][0-9]{4,14}$')
);

alter table conversations
  alter column phone_e164 drop not null,
  add column whatsapp_user_id text,
  add constraint a_conversation_has_a_person check (num_nonnulls(phone_e164, whatsapp_user_id) > 0);

create unique index one_conversation_per_user on conversations (company_id, whatsapp_user_id) where phone_e164 is null;

-- The key of an opt-out is the number where it is known, and the id alone where it is not. `id` orders what is listed.
alter table opt_outs drop constraint opt_outs_pkey;
alter table opt_outs
  alter column phone_e164 drop not null,
  add column id bigint generated always as identity primary key,
  add column whatsapp_user_id text,
  add constraint one_opt_out_per_number_and_scope unique (company_id, phone_e164, scope),
  add constraint an_opt_out_has_a_person check (num_nonnulls(phone_e164, whatsapp_user_id) > 0);

create unique index one_opt_out_per_user_and_scope on opt_outs (company_id, whatsapp_user_id, scope) where phone_e164 is null;
create index opt_outs_of_user on opt_outs (company_id, whatsapp_user_id) where whatsapp_user_id is not null;
create index opt_outs_newest on opt_outs (opted_out_at desc, id desc);
create index opt_outs_newest_of_company on opt_outs (company_id, opted_out_at desc, id desc);

-- has_opted_out: the person refuses this scope, under the number or under the id. Each may be null.
create function has_opted_out(company text, phone text, wa_user text, what text) returns boolean
language sql stable
as $$
  select exists (
    select from opt_outs o
    where o.company_id = company and o.scope = what and o.lifted_at is null
      and (o.phone_e164 = phone or o.whatsapp_user_id = wa_user
        or o.phone_e164 = (select u.phone_e164 from whatsapp_users u where u.company_id = company and u.user_id = wa_user)))
$$;

-- opt_out: writes one, under the number where it is known. Answers true if the person did not refuse this scope before.
create function opt_out(company text, phone text, wa_user text, what text, said_by text, why text, at timestamptz default now())
returns boolean
language plpgsql volatile
as $$
begin
  if phone is not null then
    insert into opt_outs as o (company_id, phone_e164, whatsapp_user_id, scope, source, reason, opted_out_at)
    values (company, phone, wa_user, what, said_by, why, at)
    on conflict (company_id, phone_e164, scope) do update
    set lifted_at = null, opted_out_at = excluded.opted_out_at, source = excluded.source, reason = excluded.reason,
        whatsapp_user_id = coalesce(excluded.whatsapp_user_id, o.whatsapp_user_id)
    where o.lifted_at < excluded.opted_out_at;
  else
    insert into opt_outs as o (company_id, whatsapp_user_id, scope, source, reason, opted_out_at)
    values (company, wa_user, what, said_by, why, at)
    on conflict (company_id, whatsapp_user_id, scope) where phone_e164 is null do update
    set lifted_at = null, opted_out_at = excluded.opted_out_at, source = excluded.source, reason = excluded.reason
    where o.lifted_at < excluded.opted_out_at;
  end if;
  return found;
end $$;

-- link_whatsapp_user: this id and this number are one person. What was said under the id alone holds for the number, and two
-- conversations become the one of the number.
create function link_whatsapp_user(company text, wa_user text, phone text) returns void
language plpgsql volatile
as $$
declare
  v_kept bigint;
  v_gone bigint;
begin
  update opt_outs o set phone_e164 = phone
  where o.company_id = company and o.whatsapp_user_id = wa_user and o.phone_e164 is null
    and not exists (select from opt_outs p where p.company_id = company and p.phone_e164 = phone and p.scope = o.scope);
  perform opt_out(company, phone, wa_user, o.scope, o.source, o.reason, o.opted_out_at)
  from opt_outs o
  where o.company_id = company and o.whatsapp_user_id = wa_user and o.phone_e164 is distinct from phone and o.lifted_at is null
  order by o.id;
  delete from opt_outs o where o.company_id = company and o.whatsapp_user_id = wa_user and o.phone_e164 is null;
  update opt_outs o set whatsapp_user_id = wa_user
  where o.company_id = company and o.phone_e164 = phone and o.whatsapp_user_id is distinct from wa_user;

  select v.id into v_kept from conversations v where v.company_id = company and v.phone_e164 = phone for update;
  select v.id into v_gone from conversations v
  where v.company_id = company and v.whatsapp_user_id = wa_user and v.phone_e164 is null for update;
  if v_gone is not null and v_kept is not null then
    update messages set conversation_id = v_kept where conversation_id = v_gone;
    update generations set conversation_id = v_kept where conversation_id = v_gone;
    update conversations kept
    set last_inbound_at = greatest(kept.last_inbound_at, gone.last_inbound_at),
        last_outbound_at = greatest(kept.last_outbound_at, gone.last_outbound_at),
        ai_enabled = kept.ai_enabled and gone.ai_enabled,
        human_took_over_at = coalesce(kept.human_took_over_at, gone.human_took_over_at)
    from conversations gone
    where kept.id = v_kept and gone.id = v_gone;
    delete from conversations where id = v_gone;
  end if;
  update conversations v
  set phone_e164 = phone, whatsapp_user_id = wa_user,
      lead_id = coalesce(v.lead_id, (select l.id from leads l where l.company_id = company and l.phone_e164 = phone))
  where v.id = coalesce(v_kept, v_gone) and (v.phone_e164 is null or v.whatsapp_user_id is distinct from wa_user);
end $$;

-- learn_whatsapp_users: keeps what a webhook tells of people, and answers the numbers that are known of them.
--
-- people  [{userId, phone?, username?, opaqueId?, wamid?}], with the attempt that they got or answered: its number is theirs
-- answer  {userId: phone}
create function learn_whatsapp_users(company text, people jsonb) returns jsonb
language plpgsql volatile
as $$
declare
  v_new record;
begin
  for v_new in
    with given as (
      select distinct on (g."userId") g."userId" as user_id, g.phone, left(g.username, 100) as username, g."opaqueId" as opaque_id, g.wamid
      from jsonb_to_recordset(people) as g("userId" text, phone text, username text, "opaqueId" text, wamid text)
      order by g."userId", g.phone nulls last, g.wamid nulls last
    )
    select g.user_id, g.username, coalesce(g.phone, attempt.phone_e164) as phone
    from given g
    left join whatsapp_users u on u.company_id = company and u.user_id = g.user_id
    left join lateral (
      select coalesce(r.phone_e164, v.phone_e164) as phone_e164
      from delivery_attempts a
      left join recipients r on r.id = a.recipient_id
      left join messages m on m.id = a.message_id
      left join conversations v on v.id = m.conversation_id
      where a.company_id = company and (a.opaque_id = g.opaque_id or a.wamid = g.wamid)
      limit 1
    ) attempt on g.phone is null and u.phone_e164 is null
    where u.user_id is null
       or coalesce(g.phone, attempt.phone_e164, u.phone_e164) is distinct from u.phone_e164
       or coalesce(g.username, u.username) is distinct from u.username
    order by g.user_id
  loop
    insert into whatsapp_users as u (company_id, user_id, phone_e164, username)
    values (company, v_new.user_id, v_new.phone, v_new.username)
    on conflict (company_id, user_id) do update
    set phone_e164 = coalesce(excluded.phone_e164, u.phone_e164), username = coalesce(excluded.username, u.username), seen_at = now();
    if v_new.phone is not null then
      perform link_whatsapp_user(company, v_new.user_id, v_new.phone);
    end if;
  end loop;
  return coalesce((
    select jsonb_object_agg(u.user_id, u.phone_e164)
    from whatsapp_users u
    where u.company_id = company and u.phone_e164 is not null
      and u.user_id = any(array(select g ->> 'userId' from jsonb_array_elements(people) as x(g)))), '{}');
end $$;

-- follow_person: the person has another number, another id, or both. Opt-outs hold for the new ones too. They stay with the old
-- ones, because a message to a number that somebody else may have by now must not go out either.
create function follow_person(company text, old_phone text, old_user text, new_phone text, new_user text) returns int
language plpgsql volatile
as $$
declare
  v_followed int;
begin
  if new_user is not null then
    perform learn_whatsapp_users(company, jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('userId', new_user, 'phone', new_phone))));
  end if;
  select count(*) filter (where opt_out(company, new_phone, new_user, o.scope, o.source, o.reason, o.opted_out_at)) into v_followed
  from opt_outs o
  where o.company_id = company and o.lifted_at is null and num_nonnulls(new_phone, new_user) > 0
    and (o.phone_e164 = old_phone or o.whatsapp_user_id = old_user
      or o.phone_e164 = (select u.phone_e164 from whatsapp_users u where u.company_id = company and u.user_id = old_user));
  return v_followed;
end $$;
