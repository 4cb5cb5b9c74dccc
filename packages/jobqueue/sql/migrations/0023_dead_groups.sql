-- An index that knows every group of dead letters, in the order of their deaths, however many there are. Built last and alone: it
-- keeps others from writing to the table meanwhile.
create index job_history_dead_groups on jobqueue.job_history (type, fingerprint, finished_at, id) where status = 'DEAD_LETTER';
