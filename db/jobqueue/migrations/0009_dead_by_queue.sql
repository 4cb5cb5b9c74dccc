-- Dead letters per queue and type for the first screen, counted in the index alone: their rows lie anywhere in history, and reading
-- 4,500 of them cost 100 ms of a screen's 50. An entry a dead letter, and its columns never change.
create index job_history_dead_by_queue on jobqueue.job_history (queue, type) where status = 'DEAD_LETTER';
