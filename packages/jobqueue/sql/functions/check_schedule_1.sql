-- check_schedule_1: refuses a definition that no drain could fire, as far as Postgres can tell. Only the code reads cron lines: what is
-- well-formed and names no day, such as the 30th of February, is found by the first drain, which notes it as the schedule's problem.
create or replace function jobqueue.check_schedule_1(schedule text, definition jsonb, options jsonb)
returns void
language plpgsql stable
as $$
declare
  c_line constant text := '^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|'
    || '@(M)(,@(M))*[ \t]+@(H)(,@(H))*[ \t]+[0-9a-z*,/-]+[ \t]+[0-9a-z*,/-]+[ \t]+[0-9a-z*,/#+-]+)$';
  v_line    text := replace(replace(c_line, '@(M)', '(\*|0*[1-5]?[0-9])(-0*[1-5]?[0-9])?(/[0-9]+)?'),
                            '@(H)', '(\*|0*(1?[0-9]|2[0-3]))(-0*(1?[0-9]|2[0-3]))?(/[0-9]+)?');
  v_job     jsonb := definition -> 'job';
  v_all     jsonb := definition #> '{misfire,all}';
  v_problem text;
begin
  perform jobqueue.check_actor_1(options);
  v_problem := case
    when schedule is null or schedule !~ '^[A-Za-z0-9_.:-]{1,100}$' then 'a name of 1 to 100 letters, digits or "_.:-"'
    when coalesce(length(definition ->> 'cron') > 250 or definition ->> 'cron' !~* v_line, true)
      then 'a cron line of five fields such as "30 2 * * *", or "@daily"'
    when coalesce(length(definition ->> 'timeZone') > 64, true) then 'a time zone such as "Europe/Berlin"'
    when coalesce(definition -> 'misfire' not in ('"skip"', '"latest"')
           and case when jsonb_typeof(v_all) = 'number' then v_all not between '1' and '1000' or v_all::numeric % 1 <> 0 else true end, true)
      then 'misfire "skip", "latest" or {"all": 1 to 1000}'
    when coalesce((definition ->> 'missedAfterMs')::float8 not between 0 and 315576000000, true) then 'missedAfterMs of 0 to ten years'
    when coalesce(definition ->> 'overlap' not in ('allow', 'skip'), true) then 'overlap "allow" or "skip"'
    when coalesce((definition ->> 'jitterMs')::float8 not between 0 and 3600000 or (definition ->> 'jitterMs')::numeric % 1 <> 0, true)
      then 'jitterMs as a whole number of 0 to 3600000'
    when coalesce(v_job ->> 'type' !~ '^[A-Za-z0-9_.:-]{1,100}$' or v_job ->> 'queue' !~ '^[A-Za-z0-9_.:-]{1,100}$', true)
      then 'type and queue of 1 to 100 letters, digits or "_.:-"'
    when coalesce((v_job ->> 'priority')::numeric not in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), true) then 'a priority of 0 to 10'
    when coalesce((v_job ->> 'max_attempts')::numeric not between 1 and 100 or (v_job ->> 'max_attempts')::numeric % 1 <> 0, true)
      then '1 to 100 attempts'
    when coalesce(octet_length((v_job -> 'payload')::text) > 2 * 262144, true) then 'a payload of at most 256 KiB'
    when octet_length(v_job::text) * coalesce(v_all::numeric, 1) > 8388608
      then 'at most 8 MiB for all jobs that misfire may fire at once'
  end;
  if v_problem is not null then
    raise exception 'the schedule % is refused: expected %', quote_literal(left(schedule, 100)), v_problem
      using errcode = 'invalid_parameter_value';
  end if;
  perform now() at time zone (definition ->> 'timeZone');  -- refuses a zone that Postgres does not know
end $$;

create or replace function jobqueue.check_actor_1(options jsonb)
returns void
language plpgsql stable
as $$
begin
  if coalesce(trim(options ->> 'actor'), '') = '' then
    raise exception 'expected who does this as the actor' using errcode = 'invalid_parameter_value';
  end if;
end $$;
