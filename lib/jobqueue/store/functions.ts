/** What this code calls in Postgres, with the types that it passes: the health check looks whether all of it is installed. */

export const FUNCTIONS = [
  'jobqueue.step_1(jsonb,bigint[],jsonb,jsonb,jsonb,jsonb)',
  'jobqueue.add_jobs(jsonb)',
  'jobqueue.health_1(jsonb)',
  'jobqueue.watch_1(jsonb)',
  'jobqueue.sync_schedules_1(jsonb)',
  'jobqueue.schedule_line_1(jobqueue.schedules,jsonb)',
  'jobqueue.fire_1(jsonb)',
  'jobqueue.cancel_1(jsonb,jsonb,jsonb)',
  'jobqueue.reschedule_1(jsonb,jsonb,jsonb)',
  'jobqueue.reprioritise_1(jsonb,jsonb,jsonb)',
  'jobqueue.preview_replay_1(jsonb)',
  'jobqueue.replay_1(jsonb,jsonb,jsonb)',
  'jobqueue.start_replay_1(jsonb,jsonb)',
  'jobqueue.stop_replay_1(bigint,text)',
  'jobqueue.replays_1()',
  'jobqueue.prune_1(jsonb)',
  'jobqueue.metrics_1()',
  'jobqueue.take_tokens_1(jsonb)',
  'jobqueue.return_tokens_1(jsonb)',
  'jobqueue.block_1(text,float8)',
] as const;
