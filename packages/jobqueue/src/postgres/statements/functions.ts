/** SQL functions that this code calls, with the types that it passes. The health check verifies that all are installed. */
import { inSchema } from '../schema.ts';

export const FUNCTIONS = [
  'jobqueue.step_2(jsonb,text[],jsonb,jsonb,jsonb,jsonb)',
  'jobqueue.add_jobs(jsonb)',
  'jobqueue.differs_1(bigint,jsonb)',
  'jobqueue.add_flow_1(jsonb)',
  'jobqueue.health_1(jsonb)',
  'jobqueue.try_write_1()',
  'jobqueue.update_job(bigint,jsonb,jsonb)',
  'jobqueue.watch_1(jsonb)',
  'jobqueue.sync_schedules_2(jsonb)',
  'jobqueue.create_schedule_1(text,jsonb,jsonb)',
  'jobqueue.update_schedule_1(text,jsonb,jsonb)',
  'jobqueue.delete_schedule_1(text,jsonb)',
  'jobqueue.schedule_line_1(jobqueue.schedules,jsonb)',
  'jobqueue.fire_1(jsonb)',
  'jobqueue.cancel_1(jsonb,jsonb,jsonb)',
  'jobqueue.reschedule_1(jsonb,jsonb,jsonb)',
  'jobqueue.reprioritise_1(jsonb,jsonb,jsonb)',
  'jobqueue.preview_replay_1(jsonb)',
  'jobqueue.replay_1(jsonb,jsonb,jsonb)',
  'jobqueue.start_replay_1(jsonb,jsonb)',
  'jobqueue.stop_replay_1(bigint,text)',
  'jobqueue.replays_2(jsonb)',
  'jobqueue.prune_1(jsonb)',
  'jobqueue.free_key_1(text,text,jsonb)',
  'jobqueue.metrics_1()',
  'jobqueue.overview_1()',
  'jobqueue.jobs_page_1(jsonb,jsonb,int)',
  'jobqueue.jobs_newest_1(jsonb,jsonb,int)',
  'jobqueue.live_1(bigint[])',
  'jobqueue.ended_1(bigint[])',
  'jobqueue.live_places_1(bigint[])',
  'jobqueue.matching_1(jsonb,jsonb,int)',
  'jobqueue.dead_groups_2(jsonb)',
  'jobqueue.trail_1(bigint)',
  'jobqueue.replay_amended_1(bigint,jsonb,jsonb)',
  'jobqueue.take_tokens_1(jsonb)',
  'jobqueue.return_tokens_1(jsonb)',
  'jobqueue.block_1(text,float8)',
  'jobqueue.rest_1(jsonb)',
  'jobqueue.adopt_1(text,text)',
  'jobqueue.lanes_in_use_2(text,jsonb,int)',
  'jobqueue.late_batches_1()',
] as const;

/** The same of a queue whose schema has this checked name. */
export function functionsOf(schema: string): readonly string[] {
  return FUNCTIONS.map((signature) => inSchema(signature, schema));
}
