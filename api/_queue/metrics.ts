/** GET /api/metrics: the queue's numbers for Prometheus. */
import { metricsRoute } from '@conversure/jobqueue/next';
import { queue } from '../../lib/queue/index.ts';

export const { GET } = metricsRoute(queue);
