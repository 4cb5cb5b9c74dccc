-- The domain's tables for lead imports. An uploaded file, how far it was read and what became of each of its rows live
-- here; the queue's job only names the import.

create table companies (
  id              text primary key,
  name            text not null,
  default_country text not null default 'AE',  -- where a phone number without country code is dialled from
  created_at      timestamptz not null default now(),
  constraint company_id_is_1_to_100_characters check (length(id) between 1 and 100),
  constraint default_country_is_two_capitals check (default_country ~ '^[A-Z]{2}$')
);

create table imports (
  id             text primary key,
  company_id     text not null references companies (id),
  file_name      text,
  country        text not null,                -- default_country at upload time, or what the uploader chose
  delimiter      text,                         -- what the uploader chose; null = found in the file
  status         text not null default 'pending',
  created_at     timestamptz not null default now(),
  started_at     timestamptz,
  finished_at    timestamptz,
  part_changes   int  not null default 0,      -- rises with every change of a stored part: finishing compares it
  size_bytes     bigint,                       -- this and the hash are null until the upload is finished
  sha256         text,
  job_id         bigint,
  layout         jsonb,                        -- delimiter, line ends, header, columns; null until the file was checked
  rows_total     int,                          -- records below the header, blank ones too; known once checked
  next_offset    bigint,                       -- the byte at which the next slice starts: what slices compare and set
  next_row       int,                          -- that record's number, as a spreadsheet shows it (the header is row 1)
  rows_created   int  not null default 0,
  rows_updated   int  not null default 0,
  rows_unchanged int  not null default 0,
  rows_duplicate int  not null default 0,
  rows_refused   int  not null default 0,
  failure        jsonb,                        -- {code, message, line?}: why the file was refused
  constraint import_id_is_a_name check (id ~ '^[A-Za-z0-9_-]{8,64}$'),
  constraint country_is_two_capitals check (country ~ '^[A-Z]{2}$'),
  constraint status_is_known check (status in ('pending', 'running', 'completed', 'failed', 'cancelled')),
  constraint size_and_hash_come_together check ((size_bytes is null) = (sha256 is null)),
  constraint a_failure_has_a_reason check ((status = 'failed') = (failure is not null)),
  constraint rows_need_a_checked_file check ((layout is null) = (next_offset is null))
) with (fillfactor = 50);                      -- every slice rewrites the row

create index imports_of_company on imports (company_id, created_at);

-- The uploaded bytes, dropped when the import ends. An upload in one piece is part 1.
create table import_parts (
  import_id    text   not null references imports (id) on delete cascade,
  part         int    not null,
  start_offset bigint,                         -- where its first byte stands in the file; null until the upload is finished
  size_bytes   int    not null,
  sha256       text   not null,
  data         bytea  not null,
  primary key (import_id, part),
  constraint part_is_1_to_1000 check (part between 1 and 1000),
  constraint size_is_true check (size_bytes = octet_length(data))
);

-- Uncompressed, so that a range of a part is read without reading the part.
alter table import_parts alter column data set storage external;

create table leads (
  id           bigint generated always as identity primary key,
  company_id   text not null references companies (id),
  phone_e164   text not null,
  name         text,
  email        text,
  source       text,
  organisation text,
  notes        text,
  import_id    text references imports (id) on delete set null,  -- the import that created it
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  constraint one_lead_per_number unique (company_id, phone_e164),
  constraint phone_is_e164 check (phone_e164 ~ '^\+[1-9][0-9]{4,14}$')
);

create index leads_of_import on leads (import_id) where import_id is not null;

-- Who asked not to be written to. By number, not by lead: it outlives the lead, and no import ever touches it.
create table opt_outs (
  company_id   text not null references companies (id),
  phone_e164   text not null,
  reason       text,
  opted_out_at timestamptz not null default now(),
  primary key (company_id, phone_e164),
  constraint phone_is_e164 check (phone_e164 ~ '^\+[1-9][0-9]{4,14}$')
);

create table import_rows (
  import_id  text not null references imports (id) on delete cascade,
  row        int  not null,                    -- as a spreadsheet shows it: the header is row 1
  outcome    text not null,
  phone_e164 text,
  code       text,
  "column"   text,
  value      text,
  message    text,
  cells      jsonb,                            -- of refused rows, without formula guards: what the error file repeats
  primary key (import_id, row),
  constraint outcome_is_known check (outcome in ('created', 'updated', 'unchanged', 'duplicate', 'error')),
  constraint an_error_has_a_reason_and_its_cells
    check (outcome <> 'error' or (code is not null and message is not null and cells is not null)),
  constraint a_lead_has_a_number check (outcome = 'error' or phone_e164 is not null)
);

-- Within one import a number becomes a lead once; its other rows are duplicates of that one.
create unique index import_rows_number on import_rows (import_id, phone_e164)
  where outcome in ('created', 'updated', 'unchanged');

create index import_rows_refused on import_rows (import_id, row) where outcome = 'error';
