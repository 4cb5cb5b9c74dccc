-- Replays at n a minute: which of their jobs are open, and what they wait for.

-- A job that failed is judged, and stays open while it is tried again.
alter table jobqueue.replayed_jobs add column failed boolean not null default false;

-- outcomes: no more may be open; resume: its type or queue is paused; handler: no drain that looked has one for its type
alter table jobqueue.replays add column waits_for text
  constraint replay_waits_for_something_known check (waits_for in ('outcomes', 'resume', 'handler'));
