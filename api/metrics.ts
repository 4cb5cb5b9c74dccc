/** GET /api/metrics: the queue's numbers for Prometheus, one statement a scrape. */
import { authorize } from '@conversure/jobqueue/next';
import { metricsSecret } from '../lib/config.ts';
import { endpoint } from '../lib/http/errors.ts';
import { queue } from '../lib/queue/index.ts';

const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

export const GET = endpoint(async (request) => {
  authorize(request, metricsSecret());
  return new Response(await queue.metrics(), { headers: { 'content-type': TEXT_FORMAT } });
});
