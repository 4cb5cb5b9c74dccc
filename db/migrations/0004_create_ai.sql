-- Replies that a model drafts: what a company allows, the prompts and their versions, each generation with its verdict, each
-- call with its cost, and the money that is left.

create table ai_settings (
  company_id              text primary key references companies (id),
  enabled                 boolean not null default false,
  mode                    text not null default 'copilot',       -- pilot may send by itself, copilot only drafts
  provider                text,                                  -- null: the deployment's environment
  model                   text,
  base_url                text,                                  -- only together with a key of the company's own
  api_key                 text,                                  -- a secret
  fallback_provider       text,                                  -- asked when the first one refuses the company as a whole
  fallback_model          text,
  fallback_base_url       text,
  fallback_api_key        text,                                  -- a secret
  prompt_label            text not null default 'production',
  tone                    text not null default 'friendly and professional',
  languages               text[] not null default '{en,ar}',     -- of replies, ISO 639-1
  allowed_intents         text[],                                -- null: all; others wait for a person
  auto_send_intents       text[] not null default '{}',
  min_confidence          real not null default 0.75,
  max_message_length      int  not null default 400,             -- characters
  max_risk_score          int  not null default 30,
  max_messages_per_day    int  not null default 100,             -- messages that a model is asked about
  max_consecutive_replies int  not null default 3,               -- sent by itself since a person last wrote
  escalate_keywords       text[] not null default '{human,agent,manager,complaint,lawyer,مدير,شكوى,موظف}',
  daily_budget_usd        numeric,                               -- null: no limit
  monthly_budget_usd      numeric,
  allowed_link_hosts      text[] not null default '{}',          -- with their subdomains
  allowed_contacts        text[] not null default '{}',          -- phones in E.164 and e-mail addresses that replies may name
  competitors             text[] not null default '{}',
  moderation              boolean not null default false,
  judge                   boolean not null default false,
  constraint mode_is_known check (mode in ('pilot', 'copilot')),
  constraint provider_is_known check (provider in ('openai', 'google', 'compatible')),
  constraint fallback_provider_is_known check (fallback_provider in ('openai', 'google', 'compatible')),
  constraint a_base_url_has_its_own_key check (base_url is null or (provider is not null and api_key is not null)),
  constraint a_key_names_its_provider check (api_key is null or provider is not null),
  constraint a_fallback_base_url_has_its_own_key
    check (fallback_base_url is null or (fallback_provider is not null and fallback_api_key is not null)),
  constraint a_fallback_key_names_its_provider check (fallback_api_key is null or fallback_provider is not null),
  constraint languages_are_named check (cardinality(languages) between 1 and 20),
  constraint min_confidence_is_a_share check (min_confidence between 0 and 1),
  constraint max_message_length_fits_whatsapp check (max_message_length between 20 and 4096),
  constraint max_risk_score_is_0_to_100 check (max_risk_score between 0 and 100),
  constraint max_messages_per_day_is_0_to_a_million check (max_messages_per_day between 0 and 1000000),
  constraint max_consecutive_replies_is_0_to_20 check (max_consecutive_replies between 0 and 20),
  constraint budgets_are_not_negative check (daily_budget_usd >= 0 and monthly_budget_usd >= 0),
  constraint lists_are_short check (greatest(
    cardinality(allowed_intents), cardinality(auto_send_intents), cardinality(escalate_keywords),
    cardinality(allowed_link_hosts), cardinality(allowed_contacts), cardinality(competitors)) <= 200)
);

create table prompts (
  id         bigint generated always as identity primary key,
  company_id text references companies (id),                     -- null: for every company that has none of its own
  key        text not null,
  created_at timestamptz not null default now(),
  constraint one_prompt_per_company_and_key unique nulls not distinct (company_id, key),
  constraint key_is_a_name check (key ~ '^[a-z][a-z0-9_]{0,63}$')
);

-- A version is for good: generations name it, and what they were made from must stay readable.
create table prompt_versions (
  prompt_id     bigint not null references prompts (id),
  version       int not null,
  system        text not null,
  user_template text not null,
  variables     text[] not null,
  model_config  jsonb not null,                                  -- {temperature?, maxOutputTokens?}
  checksum      text not null,                                   -- SHA-256 over the texts and the configuration
  created_by    text not null,
  created_at    timestamptz not null default now(),
  primary key (prompt_id, version),
  constraint version_is_positive check (version > 0),
  constraint texts_are_at_most_20000_characters check (length(system) <= 20000 and length(user_template) <= 20000)
);

create function refuse_to_change_prompt_version() returns trigger language plpgsql as $$
begin
  raise exception 'a prompt version is never changed or removed: save a new one and move the label'
    using errcode = 'restrict_violation';
end $$;

create trigger prompt_versions_are_immutable
before update or delete or truncate on prompt_versions
for each statement execute function refuse_to_change_prompt_version();

-- What is live is a label that points to a version; going back is moving it.
create table prompt_labels (
  prompt_id bigint not null,
  label     text not null,
  version   int not null,
  moved_by  text not null,
  moved_at  timestamptz not null default now(),
  primary key (prompt_id, label),
  foreign key (prompt_id, version) references prompt_versions (prompt_id, version),
  constraint label_is_a_name check (label ~ '^[a-z][a-z0-9_-]{0,63}$')
);

create table prompt_label_moves (
  id           bigint generated always as identity primary key,
  prompt_id    bigint not null references prompts (id),
  label        text not null,
  from_version int,                                              -- null: the label was new
  to_version   int not null,
  moved_by     text not null,
  moved_at     timestamptz not null default now()
);

create index prompt_label_moves_of_label on prompt_label_moves (prompt_id, label, id);

create table generations (
  id                 bigint generated always as identity primary key,
  company_id         text not null references companies (id),
  conversation_id    bigint not null references conversations (id) on delete cascade,
  trigger_message_id bigint not null references messages (id) on delete cascade,
  job_id             bigint,
  status             text not null default 'pending',
  reason             text,                                       -- why it was not sent, or not made
  prompt_id          bigint,                                     -- pinned when the generation was opened, like the version
  prompt_version     int,
  provider           text,
  model              text,                                       -- as asked for
  model_snapshot     text,                                       -- as answered
  draft              text,
  edited             text,                                       -- what a person made of the draft
  intent             text,
  confidence         real,
  language           text,
  sentiment          text,
  verdict            jsonb,
  decided_by         text,
  decided_at         timestamptz,
  message_id         bigint references messages (id) on delete set null, -- the reply in the outbox
  created_at         timestamptz not null default now(),
  finished_at        timestamptz,
  constraint one_generation_per_message unique (conversation_id, trigger_message_id),
  constraint status_is_known check (status in ('pending', 'drafted', 'review', 'blocked', 'auto_sent', 'approved', 'edited',
    'rejected', 'skipped', 'superseded', 'failed')),
  constraint what_ended_has_an_end check ((status = 'pending') = (finished_at is null)),
  constraint a_draft_is_judged check (draft is null or verdict is not null),
  constraint what_was_sent_was_drafted check (status not in ('auto_sent', 'approved', 'edited') or draft is not null),
  foreign key (prompt_id, prompt_version) references prompt_versions (prompt_id, version)
);

create unique index one_generation_per_reply on generations (message_id) where message_id is not null;
create index generations_of_trigger on generations (trigger_message_id);
create index generations_that_wait on generations (company_id, id) where status in ('drafted', 'review', 'blocked');

create table model_prices (
  provider                     text not null,
  model                        text not null,
  effective_at                 timestamptz not null,
  input_usd_per_million        numeric not null,
  cached_input_usd_per_million numeric not null,
  output_usd_per_million       numeric not null,
  primary key (provider, model, effective_at),
  constraint provider_is_known check (provider in ('openai', 'google', 'compatible')),
  constraint prices_are_not_negative
    check (input_usd_per_million >= 0 and cached_input_usd_per_million >= 0 and output_usd_per_million >= 0)
);

-- One row per call of a model, committed before the call goes out with the most that it can cost, and settled after it. A call
-- of which nobody knows the end keeps that cost: the provider may have billed it.
create table generation_calls (
  id                           bigint generated always as identity primary key,
  generation_id                bigint not null references generations (id) on delete cascade,
  company_id                   text not null references companies (id),
  purpose                      text not null,
  provider                     text not null,
  model                        text not null,
  model_snapshot               text,
  day                          date not null,                    -- the company's, whose budget it came from
  reserved_usd                 numeric not null,
  input_usd_per_million        numeric,                          -- null: no price is known
  cached_input_usd_per_million numeric,
  output_usd_per_million       numeric,
  started_at                   timestamptz not null default now(),
  ended_at                     timestamptz,
  outcome                      text,                             -- null: nobody has said yet
  finish_reason                text,
  input_tokens                 int,
  cached_input_tokens          int,
  output_tokens                int,
  cost_usd                     numeric,
  error_code                   text,
  error                        text,
  constraint purpose_is_known check (purpose in ('reply', 'repair', 'shrink', 'longer', 'judge')),
  constraint what_ended_has_an_outcome_and_a_cost
    check ((ended_at is null) = (outcome is null) and (ended_at is null) = (cost_usd is null))
);

create index generation_calls_of_generation on generation_calls (generation_id);

-- What a company has spent and reserved in its current day and month: one row, so that one conditional update is exact however
-- many generations run at once.
create table ai_spend (
  company_id      text primary key references companies (id),
  day             date not null,
  day_usd         numeric not null,
  day_generations int not null,
  month           date not null,
  month_usd       numeric not null
) with (fillfactor = 50);

-- A provider that refused a company as a whole (no quota, bad key): asked last for a while, if there is another.
create table ai_refusals (
  company_id text not null references companies (id),
  choice     text not null,
  provider   text not null,
  code       text not null,
  reason     text not null,
  refused_at timestamptz not null default now(),
  primary key (company_id, choice),
  constraint choice_is_known check (choice in ('primary', 'fallback'))
);

-- List prices as of November 2026, in USD per million tokens. A new price is a new row with a later instant.
insert into model_prices values
  ('openai', 'gpt-4o-mini',           '2026-01-01Z', 0.15, 0.075, 0.60),
  ('openai', 'gpt-4o',                '2026-01-01Z', 2.50, 1.25,  10.00),
  ('openai', 'gpt-4.1-mini',          '2026-01-01Z', 0.40, 0.10,  1.60),
  ('openai', 'gpt-4.1',               '2026-01-01Z', 2.00, 0.50,  8.00),
  ('google', 'gemini-2.5-flash',      '2026-01-01Z', 0.30, 0.03,  2.50),
  ('google', 'gemini-2.5-flash-lite', '2026-01-01Z', 0.10, 0.01,  0.40);

-- The prompt of every company that has none of its own.
with prompt as (
  insert into prompts (company_id, key) values (null, 'reply') returning id
), texts as (
  select $system$You answer the customers of {{company}} on WhatsApp. Tone: {{tone}}.
Answer in the customer's language if it is one of these: {{languages}}; otherwise in the first of them.
At most {{max_length}} characters, plain text, no headings or lists.
State nothing that you were not told: no prices, discounts, availability, deadlines, legal or financial advice, and no
phone numbers, e-mail addresses or links. Where such an answer is wanted, say that a colleague will follow up.
Name the customer's intent as one of: {{intents}}.$system$ as system,
  $user$The customer's name as we know it: {{customer_name}}
{{message}}$user$ as user_template, '{"temperature": 0.3, "maxOutputTokens": 800}'::jsonb as model_config
), version as (
  insert into prompt_versions (prompt_id, version, system, user_template, variables, model_config, checksum, created_by)
  select id, 1, system, user_template, '{company,tone,languages,max_length,intents,customer_name,message}', model_config,
         encode(sha256(convert_to(system || chr(10) || user_template || chr(10) || model_config, 'UTF8')), 'hex'), 'migration'
  from prompt, texts
), label as (
  insert into prompt_labels (prompt_id, label, version, moved_by) select id, 'production', 1, 'migration' from prompt
)
insert into prompt_label_moves (prompt_id, label, to_version, moved_by) select id, 'production', 1, 'migration' from prompt;
