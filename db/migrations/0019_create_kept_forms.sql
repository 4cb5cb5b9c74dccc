-- What the console's screens of companies, opt-outs and campaigns need beside the tables that they show.

-- What somebody typed into a form and was not taken yet: shown again, each mistake beside its field. A secret is never kept. A row is
-- dropped a day later, by whoever keeps the next one.
create table kept_forms (
  id      uuid primary key default gen_random_uuid(),
  page    text not null,                                        -- the path that shows it
  fields  jsonb not null,                                       -- {name: text}
  refusal jsonb,                                                -- {code, message, issues: [{path, message}]}; null: nothing is wrong with it
  people  jsonb,                                                -- of a campaign: the list that its file held
  kept_by text not null,
  kept_at timestamptz not null default now(),
  constraint fields_are_a_map check (jsonb_typeof(fields) = 'object')
);

create index kept_forms_oldest on kept_forms (kept_at);

-- When a company's secret was last set or removed, and who did it. The secret itself is not readable on any screen.
create table secret_changes (
  company_id text not null references companies (id),
  field      text not null,                                     -- as in lib/secrets/fields.ts
  changed_at timestamptz not null default now(),
  changed_by text not null,
  primary key (company_id, field)
);
