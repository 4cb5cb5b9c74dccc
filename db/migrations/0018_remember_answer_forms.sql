-- In which form a model was asked successfully where its server did not know a stricter one. Asked strictly again after a week,
-- because servers are updated.
create table ai_forms (
  company_id text not null references companies (id),
  provider   text not null,
  model      text not null,
  endpoint   text not null,                                      -- the base URL, without user and password
  form       text not null,
  reason     text not null,                                      -- the server's words about the stricter form
  learned_at timestamptz not null default now(),
  primary key (company_id, provider, model, endpoint),
  constraint form_is_known check (form in ('json_object', 'text'))
);

-- What the cost of a call was counted by: what the provider reported, or the most that it may have cost, where nobody knows.
alter table generation_calls
  add column cost_by text,                                       -- null: a call of an earlier release
  add constraint cost_by_is_known check (cost_by in ('usage', 'reservation', 'nothing'));
