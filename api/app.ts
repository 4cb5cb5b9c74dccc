/** The endpoints of the business and the webhooks of remote systems in one function: a plan bounds the functions of a deployment. */
import { router } from '../lib/http/router.ts';

export const { GET, POST } = router({
  '/api/campaigns': () => import('./_app/campaigns.ts'),
  '/api/companies': () => import('./_app/companies.ts'),
  '/api/connections': () => import('./_app/connections.ts'),
  '/api/drafts': () => import('./_app/drafts.ts'),
  '/api/imports': () => import('./_app/imports.ts'),
  '/api/imports/*': () => import('./_app/imports.ts'),
  '/api/opt-outs': () => import('./_app/opt-outs.ts'),
  '/api/webhooks/bitrix24': () => import('./_app/webhooks/bitrix24.ts'),
  '/api/webhooks/whatsapp': () => import('./_app/webhooks/whatsapp.ts'),
});
