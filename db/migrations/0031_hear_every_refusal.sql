-- Two refusals were lost: one under an id that was linked to its number in the same moment, and one of a person whom the company had
-- written down before, because the opt-out went on counting as the company's own, which a colleague may lift without asking anybody.

-- opt_out: writes one, under the number where it is known: the one that is given, or the one that the id is linked to. The id's row is
-- locked until the end of the transaction: whoever links it to a number waits, and then moves this opt-out there. What the company
-- itself wrote down (admin, import) becomes the person's own word when they say it. Answers true if the person did not refuse this
-- scope before, or refuses it for the first time themselves.
create or replace function opt_out(company text, phone text, wa_user text, what text, said_by text, why text, at timestamptz default now())
returns boolean
language plpgsql volatile
as $$
declare
  v_phone text := phone;
begin
  if phone is null then
    select u.phone_e164 into v_phone from whatsapp_users u where u.company_id = company and u.user_id = wa_user for share;
  end if;
  if v_phone is not null then
    insert into opt_outs as o (company_id, phone_e164, whatsapp_user_id, scope, source, reason, opted_out_at)
    values (company, v_phone, wa_user, what, said_by, why, at)
    on conflict (company_id, phone_e164, scope) do update
    set lifted_at = null, opted_out_at = excluded.opted_out_at, source = excluded.source, reason = excluded.reason,
        whatsapp_user_id = coalesce(excluded.whatsapp_user_id, o.whatsapp_user_id)
    where o.lifted_at < excluded.opted_out_at
       or (o.lifted_at is null and o.source in ('admin', 'import') and excluded.source not in ('admin', 'import'));
  else
    insert into opt_outs as o (company_id, whatsapp_user_id, scope, source, reason, opted_out_at)
    values (company, wa_user, what, said_by, why, at)
    on conflict (company_id, whatsapp_user_id, scope) where phone_e164 is null do update
    set lifted_at = null, opted_out_at = excluded.opted_out_at, source = excluded.source, reason = excluded.reason
    where o.lifted_at < excluded.opted_out_at
       or (o.lifted_at is null and o.source in ('admin', 'import') and excluded.source not in ('admin', 'import'));
  end if;
  return found;
end $$;
