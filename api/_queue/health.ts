/** GET /api/health: up or not for everyone, the details for the operator. */
import { healthRoute } from '@conversure/jobqueue/next';
import { queue } from '../../lib/queue/index.ts';

export const { GET } = healthRoute(queue);
