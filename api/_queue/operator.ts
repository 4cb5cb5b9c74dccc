/** POST /api/operator: one operator action a request. The command line uses it. */
import { operatorRoute } from '@conversure/jobqueue/next';
import { queue } from '../../lib/queue/index.ts';

export const { POST } = operatorRoute(queue);
