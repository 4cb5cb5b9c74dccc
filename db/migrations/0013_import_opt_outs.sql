-- Imports bring opt-outs, say what they left out of a row, and count which country numbers were dialled from.

alter table opt_outs
  drop constraint source_is_known,
  add constraint source_is_known check (source in ('keyword', 'user_preferences', 'delivery_error', 'admin', 'import'));

alter table imports
  add column opt_outs    int   not null default 0,      -- people who were not opted out of that scope before
  add column rows_warned int   not null default 0,
  add column dialled     jsonb not null default '{}';   -- {"default AE": 12, "beside SA": 3, "number": 40}: numbers by who said so

alter table import_rows
  drop constraint outcome_is_known,
  add constraint outcome_is_known
    check (outcome in ('created', 'updated', 'unchanged', 'duplicate', 'skipped', 'opted_out', 'error')),
  add column warnings jsonb;                            -- [{code, column, value, message}]: what was left out of an imported row

drop index import_rows_number;
create unique index import_rows_number on import_rows (import_id, phone_e164)
  where outcome in ('created', 'updated', 'unchanged', 'skipped', 'opted_out');

create index import_rows_warned on import_rows (import_id, row) where warnings is not null;

-- The sums of two objects of counts.
create function add_counts(a jsonb, b jsonb) returns jsonb language sql immutable as $$
  select coalesce(jsonb_object_agg(key, total), '{}')
  from (select key, sum(value::bigint) as total
        from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) counts
        group by key) totals
$$;
