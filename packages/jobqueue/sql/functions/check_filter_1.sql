-- check_filter_1: refuses a filter that names nothing, or something that is not known: a misspelt criterion would be no criterion,
-- and the operation would reach far more jobs than its author meant. Part of the operations in bulk.
create or replace function jobqueue.check_filter_1(filter jsonb, known text[], beside text[] default '{}')
returns void
language plpgsql immutable
as $$
declare
  v_key text;
begin
  if jsonb_typeof(filter) is distinct from 'object' then
    raise exception 'a filter is a JSON object, got %', coalesce(jsonb_typeof(filter), 'null') using errcode = 'invalid_parameter_value';
  end if;
  for v_key in select k from jsonb_object_keys(filter) as o(k) loop
    if v_key <> all(known || beside) then
      raise exception 'a filter knows %, got ''%''', array_to_string(known, ', '), v_key using errcode = 'invalid_parameter_value';
    end if;
    if jsonb_typeof(filter -> v_key) = 'null' then
      raise exception 'expected a value for ''%'' in the filter, got null', v_key using errcode = 'invalid_parameter_value';
    end if;
  end loop;
  if filter - beside = '{}' then
    raise exception 'expected at least one of % in the filter, got none', array_to_string(known, ', ')
      using errcode = 'invalid_parameter_value';
  end if;
  if filter ? 'ids' and (jsonb_typeof(filter -> 'ids') <> 'array' or jsonb_array_length(filter -> 'ids') not between 1 and 1000) then
    raise exception 'expected 1 to 1000 ids in the filter' using errcode = 'invalid_parameter_value';
  end if;
end $$;
