-- Templates are read from Meta instead of being written by hand, and what Meta says of an account is kept.

alter table templates
  add column components jsonb,                                  -- as Meta lists them; null: never read from Meta
  add column quality text not null default 'UNKNOWN',           -- Meta's score
  add column unsupported text,                                  -- a part of it that campaigns cannot fill, in words; null: none
  add column synced_at timestamptz,                             -- when Meta last listed it
  drop constraint status_is_known,
  add constraint status_is_known check (status in ('PENDING', 'APPROVED', 'REJECTED', 'PAUSED', 'DISABLED', 'DELETED')),
  add constraint quality_is_known check (quality in ('GREEN', 'YELLOW', 'RED', 'UNKNOWN'));

-- The console lists the templates of all companies, page by page.
create index templates_by_name on templates (name, language, company_id);
create index campaigns_of_template on campaigns (template_id);

-- The last look at each WhatsApp business account. Companies that share an account share the look.
create table template_syncs (
  account_id   text primary key,
  attempted_at timestamptz not null default now(),
  synced_at    timestamptz,                                     -- the last one that came to its end
  templates    int,                                             -- how many Meta listed then
  error        text                                             -- why the last one did not; null: it did
);

-- What Meta tells of an account and its numbers by webhook: restrictions, quality, limits, alerts.
create table account_events (
  id          bigint generated always as identity primary key,
  company_id  text not null references companies (id),
  field       text not null,                                    -- the webhook's, as in phone_number_quality_update
  event       text not null,                                    -- Meta's word, as in FLAGGED
  severity    text not null,
  message     text not null,                                    -- for people
  occurred_at timestamptz not null default now(),
  constraint severity_is_known check (severity in ('info', 'warning', 'critical'))
);

create index account_events_newest on account_events (company_id, occurred_at desc);
