-- Dead letters per queue and type for the first screen, counted in the index alone: their rows lie anywhere in history, and reading
-- 4,500 of them cost 100 ms of a screen's 50. The id stands in it for its order: without one to follow, the planner may meet a limit
-- by reading the table. An entry a dead letter, whose columns never change.
create index job_history_dead_by_queue on jobqueue.job_history (queue, type, id) where status = 'DEAD_LETTER';
