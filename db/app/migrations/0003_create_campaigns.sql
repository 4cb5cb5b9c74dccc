-- Campaigns: one approved template, sent once to each person of an audience. Every recipient is a row, and the rows are the
-- work list, the report and the truth; the queue's job only names the campaign.

-- Whom an audience of leads can be made of.
alter table leads
  add column tags text[] not null default '{}',
  add column time_zone text,                                    -- IANA name; null = found by the number's country
  add column consented_at timestamptz;                          -- when they agreed to marketing; null = nobody knows of it

create index leads_of_tag on leads using gin (tags);

-- Meta's templates as they were last heard of. One name has a row for each language.
create table templates (
  id               bigint generated always as identity primary key,
  company_id       text not null references companies (id),
  name             text not null,
  language         text not null,                               -- Meta's code, as in en_US
  category         text not null,
  status           text not null default 'PENDING',
  body             text not null,
  parameter_format text not null default 'POSITIONAL',
  parameters       jsonb not null default '[]',                 -- [{component, name, index?}]: what a message has to fill in
  status_reason    text,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  constraint one_template_per_name_and_language unique (company_id, name, language),
  constraint template_name_is_1_to_512_characters check (length(name) between 1 and 512),
  constraint language_is_a_code check (language ~ '^[a-z]{2,3}(_[A-Za-z]{2,4})?$'),
  constraint category_is_known check (category in ('MARKETING', 'UTILITY', 'AUTHENTICATION')),
  constraint status_is_known check (status in ('PENDING', 'APPROVED', 'REJECTED', 'PAUSED', 'DISABLED')),
  constraint parameter_format_is_known check (parameter_format in ('POSITIONAL', 'NAMED')),
  constraint parameters_are_a_list check (jsonb_typeof(parameters) = 'array')
);

create table campaigns (
  id              text primary key,
  company_id      text not null references companies (id),
  name            text not null,
  template_id     bigint not null references templates (id),
  status          text not null default 'draft',
  audience        jsonb not null,                               -- {kind: 'leads', filters} or {kind: 'list'}: see campaign_entries
  parameters      jsonb not null default '{}',                  -- what fills each parameter of the template: {key: {value | field, fallback}}
  quiet_hours     jsonb,                                        -- {from, to}, local time of the recipient; null = none
  scheduled_at    timestamptz,
  expires_at      timestamptz,                                  -- who was not reached by then is skipped
  resend_unknown  boolean not null default false,               -- false: at most once; true: an unconfirmed message is sent again
  needs_consent   boolean not null default false,
  cap_messages    int,                                          -- at most so many campaign messages to a person …
  cap_hours       int,                                          -- … in so many hours, over all campaigns of the company
  failure_ratio   real not null default 0.5,                    -- pauses when more than this share …
  failure_sample  int  not null default 50,                     -- … of the last so many failed
  shards          int  not null default 1,                      -- jobs that send at once
  prices          jsonb not null default '{}',                  -- of one billed message by category, and the currency
  run             int  not null default 0,                      -- rises with every start: part of its jobs' keys
  plan_position   bigint not null default 0,                    -- the last lead or entry that was planned: what slices compare and set
  plan_limit      bigint,                                       -- the audience ends here: leads that come later are not in it
  planned_at      timestamptz,
  breaker_from    timestamptz not null default now(),           -- failures before a resume are forgiven
  paused_at       timestamptz,
  paused_until    timestamptz,                                  -- goes on by itself then; null = an operator has to
  pause           jsonb,                                        -- {code, message}
  failure         jsonb,                                        -- {code, message}
  created_at      timestamptz not null default now(),
  started_at      timestamptz,
  settling_at     timestamptz,
  finished_at     timestamptz,
  report          jsonb,                                        -- as it stood when the campaign ended
  constraint campaign_id_is_a_name check (id ~ '^[A-Za-z0-9_-]{8,64}$'),
  constraint status_is_known check (status in
    ('draft', 'planning', 'running', 'paused', 'settling', 'completed', 'cancelled', 'failed')),
  constraint a_pause_has_a_reason check ((status = 'paused') = (pause is not null)),
  constraint a_failure_has_a_reason check ((status = 'failed') = (failure is not null)),
  constraint a_cap_has_both_numbers check (num_nonnulls(cap_messages, cap_hours) in (0, 2)),
  constraint cap_is_bounded check (cap_messages between 1 and 100 and cap_hours between 1 and 720),
  constraint failure_ratio_is_a_share check (failure_ratio > 0 and failure_ratio <= 1),
  constraint failure_sample_is_10_to_1000 check (failure_sample between 10 and 1000),
  constraint shards_are_1_to_16 check (shards between 1 and 16)
) with (fillfactor = 50);                                       -- planning rewrites the row with every slice

create index campaigns_of_company on campaigns (company_id, created_at);

-- An audience that came as a list, until it is planned.
create table campaign_entries (
  campaign_id text not null references campaigns (id) on delete cascade,
  n           bigint not null,                                  -- its place in the list, from 1
  phone       text not null,                                    -- as it was given
  name        text,
  language    text,
  time_zone   text,
  consented   boolean not null default false,
  parameters  jsonb not null default '{}',                      -- fields of this person, for the campaign's parameters
  primary key (campaign_id, n)
);

-- Everybody of the audience has a row, also who is skipped: so the report is counted and not kept in step.
create table recipients (
  id               bigint generated always as identity primary key,
  campaign_id      text not null references campaigns (id) on delete cascade,
  company_id       text not null references companies (id),
  phone_e164       text,                                        -- null: no number, or another row has it
  given            text,                                        -- what stood there instead
  lead_id          bigint references leads (id) on delete set null,
  name             text,
  language         text,                                        -- the person's; the campaign's template counts where it has none in it
  parameters       jsonb not null default '{}',                 -- {key: text}, resolved when it was planned
  time_zone        text,                                        -- the person's own; null = found by the number's country
  status           text not null default 'pending',
  claim_id         uuid,
  claimed_at       timestamptz,
  attempt          int  not null default 0,
  opaque_id        text,                                        -- of the last attempt
  wamid            text,
  next_at          timestamptz not null default now(),          -- not before
  closes_at        timestamptz,                                 -- not after, without looking at the quiet hours again
  deferred_for     text,                                        -- why next_at lies ahead
  capped_at        timestamptz,                                 -- Meta's cap met it: waited out once, final the second time
  opened_window    boolean not null default false,              -- this attempt made the person count in the portfolio
  error_code       int,
  error            text,
  skip_reason      text,
  pricing_category text,
  pricing_model    text,
  billable         boolean,
  cost             numeric,                                     -- where somebody knows better than the campaign's prices
  status_at        timestamptz not null default now(),
  constraint one_message_per_number unique (campaign_id, phone_e164),
  constraint phone_is_e164 check (phone_e164 ~ '^\+[1-9][0-9]{4,14}$'),
  constraint status_is_known check (status in ('pending', 'sending', 'accepted', 'sent', 'delivered', 'read', 'failed', 'unknown',
    'unconfirmed', 'skipped', 'deferred')),
  constraint only_who_is_skipped_lacks_a_number check (phone_e164 is not null or status = 'skipped'),
  constraint a_skip_has_a_reason check ((status = 'skipped') = (skip_reason is not null)),
  constraint who_is_sent_to_was_claimed check (status <> 'sending' or (claim_id is not null and claimed_at is not null))
) with (fillfactor = 80);

create index recipients_due on recipients (campaign_id, next_at, id) where status in ('pending', 'deferred');
create index recipients_unsettled on recipients (campaign_id, status_at) where status in ('sending', 'unknown');
create index recipients_newest on recipients (campaign_id, status_at) where attempt > 0;
create index recipients_of_person on recipients (company_id, phone_e164, claimed_at) where attempt > 0;
create index recipients_of_lead on recipients (lead_id) where lead_id is not null;
create index recipients_wamid on recipients (company_id, wamid) where wamid is not null;

alter table delivery_attempts
  add constraint delivery_attempts_recipient_id_fkey foreign key (recipient_id) references recipients (id) on delete cascade;

-- Meta counts the unique people whom all numbers of a portfolio write to first, over 24 hours. `used` is how many rows
-- portfolio_people has of it: it changes under this row's lock only, so the limit holds whoever sends.
create table portfolios (
  id   text primary key,                                        -- Meta's, or 'company:' and the company's id where nobody said
  used int not null default 0,
  constraint used_is_not_negative check (used >= 0)
) with (fillfactor = 50);

create table portfolio_people (
  portfolio_id text not null references portfolios (id) on delete cascade,
  phone_e164   text not null,
  first_at     timestamptz not null default now(),
  last_at      timestamptz not null default now(),              -- counts for 24 hours from here
  primary key (portfolio_id, phone_e164)
);

create index portfolio_people_oldest on portfolio_people (portfolio_id, last_at);
