/** POST and GET /api/jobs: enqueue one job or many, and ask what became of one. */
import { jobsRoute } from '@conversure/jobqueue/next';
import { queue } from '../../lib/queue/index.ts';

export const { GET, POST } = jobsRoute(queue);
