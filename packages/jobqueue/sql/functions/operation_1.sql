-- begin_operation_1 and end_slice_1: the first and the last part of each slice of an operation in bulk.
--
-- An operation is a row of slices, each one statement: f(filter, options, null) begins it, f(filter, options, progress) goes on
-- with what the slice before answered, until that says `done`. Nothing is kept between them but what they have changed, so an
-- operation whose caller died is simply begun anew, and does the rest.
--
-- progress  {operation, upTo, cursor, changed, skipped, locked, pass, done, …}; operation: the audit entry that it began with;
--           upTo: the last job at that time, because later ones are not meant; locked: rows that some step held just
--           then; a further pass takes them
create or replace function jobqueue.begin_operation_1(action text, filter jsonb, options jsonb, more jsonb default '{}')
returns jsonb
language plpgsql volatile
as $$
#variable_conflict use_variable
declare
  v_id bigint;
begin
  if coalesce(options ->> 'actor', '') = '' then
    raise exception 'expected who does this as {"actor": …} in the options' using errcode = 'invalid_parameter_value';
  end if;
  insert into jobqueue.audit_log (actor, action, details)
  values (options ->> 'actor', action, (options - 'actor') || jsonb_build_object('filter', filter))
  returning id into v_id;
  return jsonb_build_object('operation', v_id::text, 'upTo', greatest((select last_value from jobqueue.jobs_id_seq), jobqueue.highest_job_id_1()), 'began', now(),
                            'changed', 0, 'skipped', 0, 'locked', 0, 'pass', 1, 'done', false) || more;
end $$;

-- at_end: the slice came to the end of what the filter means. With nothing locked on the way the operation is done, and its
-- count goes to the audit log in this statement; else the next slice begins a further pass.
create or replace function jobqueue.end_slice_1(action text, options jsonb, progress jsonb, at_end boolean)
returns jsonb
language plpgsql volatile
as $$
#variable_conflict use_variable
begin
  if not at_end then
    return progress;
  end if;
  if (progress ->> 'locked')::int > 0 then
    return progress || jsonb_build_object('cursor', null, 'skipped', 0, 'locked', 0, 'pass', (progress ->> 'pass')::int + 1);
  end if;
  insert into jobqueue.audit_log (actor, action, details)
  values (options ->> 'actor', action || '.done', jsonb_build_object('operation', progress ->> 'operation',
            'changed', (progress ->> 'changed')::int, 'skipped', (progress ->> 'skipped')::int));
  return progress || '{"done": true}';
end $$;
