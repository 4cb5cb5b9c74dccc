-- Leads in a company's CRM: how to reach it, and how far each lead of ours is there.

create table crm_settings (
  company_id        text primary key references companies (id),
  webhook_url       text,                                  -- an incoming webhook; a secret. Null: the deployment's
  application_token text,                                  -- what its outgoing webhook proves itself by; a secret
  per_second        real not null default 2,               -- Bitrix24: 2 a second, 50 at once; Enterprise 5 and 250
  burst             int  not null default 50,
  duplicate_policy  text not null default 'link',
  source_id         text,                                  -- of new leads, as the portal names its sources
  stage_id          text,
  assigned_by_id    bigint,
  imports_leads     boolean not null default false,        -- a lead that somebody makes in the portal becomes one of ours
  reconciled_at     timestamptz,                           -- everything that changed in the portal before is known
  constraint duplicate_policy_is_known check (duplicate_policy in ('link', 'create', 'skip')),
  constraint per_second_is_positive check (per_second > 0 and burst > 0)
);

-- One row for each lead that is, or is to be, in the CRM.
create table crm_links (
  company_id     text   not null references companies (id),
  lead_id        bigint not null references leads (id) on delete cascade,
  external_id    bigint,                                   -- null: not there yet, or deleted there
  content_hash   text,                                     -- of what both sides have; the same again is not sent
  wanted_version bigint not null default 0,                -- of the lead, that the CRM should have
  synced_version bigint not null default 0,                -- that it has
  synced_at      timestamptz,
  refusal        text,                                     -- why the portal does not want it
  deleted_at     timestamptz,                              -- somebody deleted it in the portal
  claimed_by     bigint,                                   -- the job that syncs it, with its fence: a zombie writes nothing
  claim_fence    bigint,
  claimed_until  timestamptz,
  primary key (company_id, lead_id),
  constraint one_lead_per_item unique (company_id, external_id)
) with (fillfactor = 70);

create index crm_links_waiting on crm_links (company_id, lead_id) where wanted_version > synced_version;
