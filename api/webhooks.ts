/** The webhooks of remote systems in one function. vercel.json leads their paths here. */
import { router } from '../lib/http/router.ts';

export const { GET, POST } = router({
  '/api/webhooks/bitrix24': () => import('./_webhooks/bitrix24.ts'),
  '/api/webhooks/whatsapp': () => import('./_webhooks/whatsapp.ts'),
});
