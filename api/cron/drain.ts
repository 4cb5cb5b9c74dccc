/** GET and POST /api/cron/drain: the platform's tick. GET is what crons send, POST what the platform's newer schedules send. */
import { authorize } from '../../lib/http/auth.ts';
import { requestDeadline } from '../../lib/http/deadline.ts';
import { endpoint } from '../../lib/http/errors.ts';
import { tickOf } from '../../lib/http/tick.ts';
import { queue } from '../../lib/queue/index.ts';

export const GET = endpoint(async (request) => {
  const deadline = requestDeadline();
  authorize(request, 'CRON_SECRET');
  const report = await queue.drain({ ...tickOf(request), source: 'cron', deadline, maySleep: true }); // throws only if the database never answered
  return Response.json(report);
});

export const POST = GET;
