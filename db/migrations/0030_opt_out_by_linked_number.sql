-- An opt-out under an id whose number is known was written under the id, where campaigns do not look.

-- opt_out: writes one, under the number where it is known: the one that is given, or the one that the id is linked to. Answers true if the person did not refuse this scope before.
create or replace function opt_out(company text, phone text, wa_user text, what text, said_by text, why text, at timestamptz default now())
returns boolean
language plpgsql volatile
as $$
declare
  v_phone text := coalesce(phone, (select u.phone_e164 from whatsapp_users u where u.company_id = company and u.user_id = wa_user));
begin
  if v_phone is not null then
    insert into opt_outs as o (company_id, phone_e164, whatsapp_user_id, scope, source, reason, opted_out_at)
    values (company, v_phone, wa_user, what, said_by, why, at)
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
-- conversations become the one of the number. Conversations are locked before opt-outs, as where a message is stored.
create or replace function link_whatsapp_user(company text, wa_user text, phone text) returns void
language plpgsql volatile
as $$
declare
  v_kept bigint;
  v_gone bigint;
begin
  select v.id into v_kept from conversations v where v.company_id = company and v.phone_e164 = phone for update;
  select v.id into v_gone from conversations v
  where v.company_id = company and v.whatsapp_user_id = wa_user and v.phone_e164 is null for update;

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
