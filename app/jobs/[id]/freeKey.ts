/** Frees the idempotency key that a job holds. */
'use server';

import { z } from 'zod';
import { queue } from '@/lib/queue';
import { action } from '../../action';

const id = z.string().regex(/^[1-9]\d{0,17}$/);

const form = z.object({
  id,
  type: z.string().min(1).max(100),
  key: z.string().min(1).max(512),
  reason: z.string().trim().min(1).max(200),
});

export const freeKey = action({ page, input: form }, async ({ id: job, type, key, reason }, by) => {
  const { freed } = await queue.freeKey({ type, idempotencyKey: key }, { ...by, reason });
  return `/jobs/${job}?done=${freed ? 'free_key' : 'key_was_free'}`;
});

function page(sent: FormData): string {
  const job = id.safeParse(sent.get('id'));
  return job.success ? `/jobs/${job.data}?do=free_key` : '/jobs';
}
