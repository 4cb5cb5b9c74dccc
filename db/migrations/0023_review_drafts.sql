-- Drafts that wait for a person: what became of an edit that the checks refused, why a draft was rejected, and no way to send
-- one that is blocked.
alter table generations
  add column edited_verdict jsonb,                               -- of the checks of `edited`
  add column decision_reason text,
  -- a person may write the reply that no model wrote
  drop constraint what_was_sent_was_drafted,
  add constraint what_was_sent_was_drafted check (status not in ('auto_sent', 'approved') or draft is not null),
  add constraint what_was_edited_has_a_text check (status <> 'edited' or edited is not null),
  -- rows of before may be so: decided by a release that did not look
  add constraint what_is_blocked_is_not_sent
    check (status not in ('auto_sent', 'approved') or verdict ->> 'decision' is distinct from 'block') not valid;

-- One that failed waits for a person as well, because its customer does. Of one company, and of all.
drop index generations_that_wait;
create index generations_that_wait on generations (company_id, id) where status in ('drafted', 'review', 'blocked', 'failed');
create index generations_that_wait_newest on generations (id) where status in ('drafted', 'review', 'blocked', 'failed');
