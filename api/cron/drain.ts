/** GET and POST /api/cron/drain: the platform's tick. */
import { cronRoute } from '@conversure/jobqueue/next';
import { queue } from '../../lib/queue/index.ts';

export const { GET, POST } = cronRoute(queue);
