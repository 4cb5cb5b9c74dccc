/** POST /api/operator: one action of an operator a request, for the command line. */
import { operatorRoute } from '@conversure/jobqueue/next';
import { queue } from '../../lib/queue/index.ts';

export const { POST } = operatorRoute(queue);
