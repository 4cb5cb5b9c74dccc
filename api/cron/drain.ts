/** GET and POST /api/cron/drain: the platform's tick. GET is what crons send, POST what the platform's newer schedules send. */
import { authorize, requestDeadline, tickOf } from '@conversure/jobqueue/next';
import { maxDurationMs } from '../../lib/config.ts';
import { endpoint } from '../../lib/http/errors.ts';
import { queue } from '../../lib/queue/index.ts';

export const GET = endpoint(async (request) => {
  const deadline = requestDeadline(maxDurationMs());
  authorize(request, 'CRON_SECRET');
  const report = await queue.drain({ ...tickOf(request), source: 'cron', deadline, maySleep: true }); // throws only if the database never answered
  return Response.json(report);
});

export const POST = GET;
