-- is_muted_1: whether an operator keeps the alerts of this check and subject back just now. Incidents are kept all the same.
create or replace function jobqueue.is_muted_1(check_name text, subject text)
returns boolean
language sql stable
as $$
  select exists (
    select from jobqueue.mutes m
    where m.check_name = $1 and m.subject in ('*', $2) and m.until > now())
$$;
