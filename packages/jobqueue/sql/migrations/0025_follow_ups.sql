-- What follows jobs that end, as the drain that claims them says: a batch knows it, so that whoever convicts a job of a dead function
-- knows it, too. {completed?: {type, queue, priority, max_attempts}, deadLetter?: …}; null, as of most types: nothing follows.
alter table jobqueue.batches add column follow jsonb;
