-- What the job types share: a company's settings and connections, conversations, messages, each attempt to deliver one, and
-- who must not be written to. What only one type needs stands in its own migration.

create table company_settings (
  company_id               text primary key references companies (id),
  time_zone                text not null default 'Asia/Dubai',  -- IANA name; for people whose own zone is unknown
  -- WhatsApp. A null falls back to the environment of the deployment.
  whatsapp_phone_number_id text,
  whatsapp_account_id      text,                                -- the WABA
  whatsapp_portfolio_id    text,                                -- whose limit of unique people per 24 h it is
  whatsapp_access_token    text,                                -- a secret
  whatsapp_per_second      real not null default 20,            -- Meta allows 80 a number, inbound ones included
  whatsapp_daily_people    int,                                 -- 250, 2000, 10000, 100000; null = unlimited
  opt_out_keywords         text[] not null default '{stop,unsubscribe,opt out,إلغاء,توقف,الغاء الاشتراك}',
  opt_out_confirmation     text,                                -- sent once inside the window; null = nothing is sent
  constraint whatsapp_per_second_is_1_to_1000 check (whatsapp_per_second between 1 and 1000),
  constraint whatsapp_daily_people_is_positive check (whatsapp_daily_people > 0)
);

-- A connection that a remote system refuses (auth, payment, policy) is paused as a whole, until an operator resumes it.
create table connections (
  company_id    text not null references companies (id),
  provider      text not null,
  paused_at     timestamptz,
  paused_code   text,
  paused_reason text,
  failures      int not null default 0,                         -- calls without answer, in a row
  failing_since timestamptz,                                    -- null: the last one was answered
  primary key (company_id, provider),
  constraint provider_is_known check (provider in ('whatsapp', 'bitrix24', 'ai')),
  constraint a_pause_has_a_reason check ((paused_at is null) = (paused_reason is null))
);

-- Counts every change that another system may care about: who carries a lead elsewhere compares it.
alter table leads add column version bigint not null default 1;

create function raise_lead_version() returns trigger language plpgsql as $$
begin
  new.version := old.version + 1;
  return new;
end $$;

create trigger lead_version before update on leads
  for each row when (old is distinct from new) execute function raise_lead_version();

create table conversations (
  id                 bigint generated always as identity primary key,
  company_id         text not null references companies (id),
  phone_e164         text not null,
  lead_id            bigint references leads (id) on delete set null,
  status             text not null default 'active',
  ai_enabled         boolean not null default true,
  human_took_over_at timestamptz,                               -- a person answers now: the AI drafts nothing more
  last_inbound_at    timestamptz,                               -- the service window is open for 24 h from here
  last_outbound_at   timestamptz,
  created_at         timestamptz not null default now(),
  constraint one_conversation_per_number unique (company_id, phone_e164),
  constraint phone_is_e164 check (phone_e164 ~ '^\+[1-9][0-9]{4,14}$'),
  constraint status_is_known check (status in ('active', 'closed'))
);

create index conversations_of_lead on conversations (lead_id) where lead_id is not null;

create table messages (
  id              bigint generated always as identity primary key,
  company_id      text not null references companies (id),
  conversation_id bigint not null references conversations (id) on delete cascade,
  direction       text not null,
  author          text not null,
  kind            text not null default 'text',
  body            text,
  wamid           text,                                         -- Meta's id, at most 128 characters
  reply_to_wamid  text,
  status          text not null,
  error_code      int,
  error           text,
  occurred_at     timestamptz not null default now(),           -- inbound: when the customer sent it
  created_at      timestamptz not null default now(),
  status_at       timestamptz not null default now(),
  constraint direction_is_known check (direction in ('inbound', 'outbound')),
  constraint author_is_known check (author in ('customer', 'ai', 'person', 'campaign', 'system')),
  constraint status_is_known check (status in
    ('received', 'queued', 'sending', 'accepted', 'sent', 'delivered', 'read', 'failed', 'unconfirmed', 'cancelled')),
  constraint inbound_is_received check ((direction = 'inbound') = (status = 'received'))
);

create unique index one_message_per_wamid on messages (company_id, wamid) where wamid is not null;
create index messages_of_conversation on messages (conversation_id, id);

-- One row per HTTP call that may reach a person, committed before the call goes out under its opaque id. Meta has no
-- idempotency key: the id comes back in its webhooks, and is the only way to learn what became of an unanswered call.
create table delivery_attempts (
  opaque_id    text primary key,
  company_id   text not null references companies (id),
  message_id   bigint references messages (id) on delete cascade,
  recipient_id bigint,                                          -- of a campaign
  attempt      int not null,
  started_at   timestamptz not null default now(),
  ended_at     timestamptz,
  outcome      text,                                            -- null: nobody has said yet
  wamid        text,
  error_code   int,
  error        text,
  constraint of_a_message_or_of_a_recipient check (num_nonnulls(message_id, recipient_id) = 1),
  constraint outcome_is_known check (outcome in ('accepted', 'refused', 'unsent', 'unknown'))
);

create index delivery_attempts_of_message on delivery_attempts (message_id) where message_id is not null;
create index delivery_attempts_of_recipient on delivery_attempts (recipient_id) where recipient_id is not null;
create index delivery_attempts_wamid on delivery_attempts (company_id, wamid) where wamid is not null;

-- Statuses that arrived before the attempt that they speak of was known, kept until it is.
create table parked_statuses (
  id          bigint generated always as identity primary key,
  company_id  text not null references companies (id),
  wamid       text not null,
  status      jsonb not null,
  arrived_at  timestamptz not null default now()
);

create index parked_statuses_wamid on parked_statuses (company_id, wamid);

-- From "who asked not to be written to" to what they refuse, and how they said it. One that was taken back stays as a row.
alter table opt_outs
  add column scope text not null default 'all',
  add column source text not null default 'admin',
  add column lifted_at timestamptz,
  add constraint scope_is_known check (scope in ('marketing', 'all')),
  add constraint source_is_known check (source in ('keyword', 'user_preferences', 'delivery_error', 'admin')),
  drop constraint opt_outs_pkey,
  add primary key (company_id, phone_e164, scope);
