-- What the CRM sync has to remember so that nothing that people change in a portal is written over: what it carried there and,
-- apart from it, what it saw there; which adds may be under way; which items changed and wait to be looked at.
-- A release before this one cannot sync once it is applied: its jobs fail, and are tried again until the deploy is through.

alter table crm_settings
  add column portal_edits text not null default 'take',         -- an edit in the portal is taken in, or kept there with ours as it is
  add column directory    jsonb,                                -- {host, fields, stages, sources}: what the portal knows
  add column directory_at timestamptz,
  add constraint portal_edits_is_known check (portal_edits in ('take', 'keep')),
  add constraint directory_has_an_age check ((directory is null) = (directory_at is null));

alter table crm_links
  add column carried      jsonb,                                -- each field as it last was at rest: what differs is news of ours
  add column seen         jsonb,                                -- what stood there when we last looked: what differs is news of theirs
  add column looked_at    timestamptz,                          -- when: an older look never replaces it
  add column adding_since timestamptz,                          -- an add whose answer is not known: it may still be under way
  add column unanswered   int not null default 0,               -- requests in a row with this lead that the portal answered none of
  add column unanswered_since timestamptz,
  add constraint unanswered_has_a_start check ((unanswered = 0) = (unanswered_since is null));

-- Whose item it was before is not known, so no number and no address there counts as ours to change.
update crm_links k
set carried = jsonb_build_object('name', coalesce(l.name, ''), 'organisation', coalesce(l.organisation, ''),
                'source', coalesce(l.source, ''), 'notes', coalesce(l.notes, ''), 'phone', l.phone_e164, 'email', coalesce(l.email, ''),
                'wrote', '{"phone": false, "email": false}'::jsonb)
from leads l
where l.company_id = k.company_id and l.id = k.lead_id and l.version = k.synced_version and k.external_id is not null
  and k.refusal is null;

alter table crm_links drop column content_hash;

-- Items of the portal that have changed and were not looked at yet. Which way they changed is not kept: looking tells.
create table crm_inbox (
  company_id    text   not null references companies (id),
  item_id       bigint not null,
  changes       int    not null default 1,                      -- rises with each event: one that comes while we look is not lost
  looks         int    not null default 0,                      -- begun: what is looked at in vain goes alone
  arrived_at    timestamptz not null default now(),
  claimed_until timestamptz,
  primary key (company_id, item_id)
);
