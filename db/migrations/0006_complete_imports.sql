-- Imports that ask before they write, merge by rule, and can be taken back: encodings other than UTF-8, columns by hand and by
-- name, dry runs, modes, tags, pauses, undo.

alter table imports
  drop constraint status_is_known,
  add constraint status_is_known check (status in
    ('pending', 'waiting', 'running', 'paused', 'completed', 'failed', 'cancelled', 'undoing', 'undone')),
  add column encoding       text,                       -- as the uploader or a byte order mark says; null: UTF-8, or it is asked about
  add column decoded_offset bigint,                     -- up to this byte of the upload its text stands in import_texts
  add column text_bytes     bigint,                     -- … which is so long by now
  add column dry_run        boolean not null default false,
  add column options        jsonb not null default '{}',-- what else the uploader chose: see lib/jobs/lead-import/options.ts
  add column mapping        text,                       -- the saved mapping that its columns came from
  add column question       jsonb,                      -- {code, message, …}: what somebody has to say before it goes on
  add column held_at        timestamptz,                -- since when it waits or is paused: not for ever
  add column goes           int not null default 0,     -- rises with every confirmation, resumption, undo: part of its jobs' keys
  add column rows_skipped   int not null default 0,
  add column undo_row       int,                        -- the last row that was looked at: what slices of the undo go on from
  add column rows_removed   int not null default 0,
  add column kept           jsonb not null default '{}', -- {reason: rows}: leads that an undo left in place
  add constraint who_waits_was_asked check ((status = 'waiting') = (question is not null)),
  add constraint who_is_held_has_an_end check ((status in ('waiting', 'paused')) = (held_at is not null)),
  add constraint text_has_a_length check ((decoded_offset is null) = (text_bytes is null));

-- Whether a company has sent the same file before.
create index imports_of_file on imports (company_id, sha256);

-- The text of an upload that is not UTF-8, as UTF-8: made once, so that offsets mean bytes of it whoever goes on reading.
create table import_texts (
  import_id    text   not null references imports (id) on delete cascade,
  start_offset bigint not null,
  size_bytes   int    not null,
  data         bytea  not null,
  primary key (import_id, start_offset),
  constraint size_is_true check (size_bytes = octet_length(data))
);

alter table import_texts alter column data set storage external;

-- Which column means what, under a company's own name for it. Used again by itself for a file with the same headers.
create table import_mappings (
  company_id text not null references companies (id),
  name       text not null,
  header     jsonb not null,                            -- the headers in their order, as they are compared
  columns    jsonb not null,                            -- {field: [index, …]}, best first
  updated_at timestamptz not null default now(),
  primary key (company_id, name),
  constraint mapping_name_is_1_to_100_characters check (length(name) between 1 and 100)
);

-- A row that the import's mode passes over says nothing about its lead, and still is the first of its number.
alter table import_rows
  drop constraint outcome_is_known,
  add constraint outcome_is_known check (outcome in ('created', 'updated', 'unchanged', 'duplicate', 'skipped', 'error')),
  add column undone text,                               -- what an undo did with the lead that the row created
  add constraint only_created_rows_are_undone check (undone is null or outcome = 'created'),
  add constraint undone_is_known check (undone in ('removed', 'gone', 'changed', 'conversation', 'campaign', 'crm'));

drop index import_rows_number;
create unique index import_rows_number on import_rows (import_id, phone_e164)
  where outcome in ('created', 'updated', 'unchanged', 'skipped');

create index import_rows_kept on import_rows (import_id, row) where undone not in ('removed', 'gone');

-- What a field becomes when a row meets a lead that is known. A null says nothing, unless the rule is to clear.
create function merge_value(known text, given text, rule text) returns text language sql immutable as $$
  select case rule
    when 'overwrite'  then coalesce(given, known)
    when 'clear'      then given
    when 'fill_empty' then coalesce(known, given)
    when 'never'      then known
  end
$$;

-- The same of tags, where the usual rule is to add. A lead has at most 100: the older ones stay.
create function merge_tags(known text[], given text[], rule text) returns text[] language sql immutable as $$
  select case
    when rule = 'never' or (given = '{}' and rule <> 'clear') then known
    when rule = 'add' then (known || array(select tag from unnest(given) with ordinality g(tag, n)
                                           where tag <> all(known) order by n))[1:greatest(100, cardinality(known))]
    when rule = 'fill_empty' and known <> '{}' then known
    else given
  end
$$;

-- undo_import_slice: takes back up to `most` of the leads that an import created, in the order of its rows, and says of each what
-- became of it. Answers {status, done, removed, kept, created}: done once there is none left to look at.
--
-- A function and not a statement: a lead is judged by what is there once its row is locked. Who writes a conversation to it
-- meanwhile holds that lock, and a single statement would judge by what was before its wait.
create function undo_import_slice(undone_import text, most int) returns jsonb
language plpgsql volatile
as $$
declare
  i         imports;
  v_last    int;
  v_removed int;
  v_kept    jsonb;
begin
  select * into i from imports where id = undone_import for update;
  if i.status is distinct from 'undoing' then
    return jsonb_build_object('status', coalesce(i.status, 'unknown'), 'done', true,
      'removed', i.rows_removed, 'kept', i.kept, 'created', i.rows_created);
  end if;

  -- In the order of their numbers, as imports write them: the two never wait for each other.
  perform from leads l
  where l.company_id = i.company_id and l.phone_e164 = any(array(
    select r.phone_e164 from import_rows r
    where r.import_id = i.id and r.row > coalesce(i.undo_row, 0) and r.outcome = 'created'
    order by r.row limit most))
  order by l.phone_e164
  for update;

  with slice as (
    select r.row, l.id as lead_id, case
        when l.id is null or l.import_id is distinct from i.id then 'gone'
        when l.version <> 1 then 'changed'
        when exists (select from crm_links k where k.company_id = i.company_id and k.lead_id = l.id) then 'crm'
        when exists (select from recipients c where c.lead_id = l.id) then 'campaign'
        when exists (select from conversations c where c.company_id = i.company_id and c.phone_e164 = l.phone_e164)
          or exists (select from conversations c where c.lead_id = l.id) then 'conversation'
        else 'removed'
      end as fate
    from import_rows r
    left join leads l on l.company_id = i.company_id and l.phone_e164 = r.phone_e164
    where r.import_id = i.id and r.row > coalesce(i.undo_row, 0) and r.outcome = 'created'
    order by r.row limit most
  ), removed as (
    delete from leads l using slice s where l.id = s.lead_id and s.fate = 'removed'
  ), told as (
    update import_rows r set undone = s.fate from slice s where r.import_id = i.id and r.row = s.row
  )
  select max(row), count(*) filter (where fate = 'removed'), (
    select coalesce(jsonb_object_agg(reason, n), '{}')
    from (select reason, sum(rows) as n
          from (select key as reason, value::int as rows from jsonb_each_text(i.kept)
                union all
                select fate, 1 from slice where fate not in ('removed', 'gone')) all_kept
          group by reason) reasons)
  into v_last, v_removed, v_kept
  from slice;

  update imports
  set undo_row     = coalesce(v_last, undo_row),
      rows_removed = rows_removed + v_removed,
      kept         = v_kept,
      status       = case when v_last is null then 'undone' else 'undoing' end,
      finished_at  = case when v_last is null then now() else finished_at end
  where id = i.id;
  return jsonb_build_object('status', case when v_last is null then 'undone' else 'undoing' end, 'done', v_last is null,
    'removed', i.rows_removed + v_removed, 'kept', v_kept, 'created', i.rows_created);
end $$;
