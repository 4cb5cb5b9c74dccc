/** The endpoints of the business in one function: a Hobby project has twelve. vercel.json leads their paths here. */
import { router } from '../lib/http/router.ts';

export const { GET, POST } = router({
  '/api/campaigns': () => import('./_app/campaigns.ts'),
  '/api/companies': () => import('./_app/companies.ts'),
  '/api/connections': () => import('./_app/connections.ts'),
  '/api/drafts': () => import('./_app/drafts.ts'),
  '/api/imports': () => import('./_app/imports.ts'),
  '/api/opt-outs': () => import('./_app/opt-outs.ts'),
});
