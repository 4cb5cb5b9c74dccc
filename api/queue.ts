/** The queue's endpoints that run no job, in one function: enqueueing, operators' actions and monitoring share its warm instances. */
import { router } from '../lib/http/router.ts';

export const { GET, POST } = router({
  '/api/health': () => import('./_queue/health.ts'),
  '/api/jobs': () => import('./_queue/jobs.ts'),
  '/api/metrics': () => import('./_queue/metrics.ts'),
  '/api/operator': () => import('./_queue/operator.ts'),
});
