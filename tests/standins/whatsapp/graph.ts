/** The rules of the Cloud API as its documents state them: who may call, what a message must look like, and Meta's envelope for a no. */
import { z } from 'zod';
import type { Answer } from '../kit/stand-in.ts';

const parameter = z.object({ type: z.string(), text: z.string().optional() }).passthrough();
const component = z
  .object({ type: z.enum(['header', 'body', 'button']), parameters: z.array(parameter) })
  .passthrough();

export const SendBody = z.discriminatedUnion('type', [
  z.object({
    messaging_product: z.literal('whatsapp'),
    recipient_type: z.literal('individual').optional(),
    to: z.string().optional(),
    recipient: z.string().optional(),
    biz_opaque_callback_data: z.string().max(512).optional(),
    type: z.literal('text'),
    text: z.object({ body: z.string().min(1).max(4096), preview_url: z.boolean().optional() }),
    context: z.object({ message_id: z.string() }).optional(),
  }),
  z.object({
    messaging_product: z.literal('whatsapp'),
    recipient_type: z.literal('individual').optional(),
    to: z.string().optional(),
    recipient: z.string().optional(),
    biz_opaque_callback_data: z.string().max(512).optional(),
    type: z.literal('template'),
    template: z.object({
      name: z.string(),
      language: z.object({ code: z.string() }),
      components: z.array(component).default([]),
    }),
  }),
]);
export type SendBody = z.output<typeof SendBody>;

/** Meta's envelope. */
export function refusal(status: number, code: number, title: string, details: string): Answer {
  return {
    status,
    body: {
      error: {
        message: `(#${code}) ${title}`,
        type: 'OAuthException',
        code,
        error_data: { messaging_product: 'whatsapp', details },
        fbtrace_id: 'Az8or2yhqkZfEZ-_4Qn_Bam',
      },
    },
  };
}
