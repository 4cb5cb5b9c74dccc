/** What stands in WhatsApp's webhooks, as far as this product reads it. What else Meta sends beside it is let through unread. */
import { z } from 'zod';
import { anyObject } from '../../fields.ts';

/** Unix seconds as text. */
const timestamp = z.string().regex(/^\d{9,11}$/);
const errors = z
  .array(
    z.object({
      code: z.number().int(),
      title: z.string().optional(),
      message: z.string().optional(),
      error_data: z.object({ details: z.string().optional() }).optional(),
    }),
  )
  .optional();

export const StatusEvent = z.object({
  id: z.string().min(1).max(200),
  status: z.enum(['sent', 'delivered', 'read', 'played', 'failed']),
  timestamp,
  recipient_id: z.string().optional(),
  biz_opaque_callback_data: z.string().optional(),
  /** No receipt is lost for a price that nobody can read. */
  pricing: z
    .object({
      billable: z.boolean().optional().catch(undefined),
      pricing_model: z.string().max(100).optional().catch(undefined),
      category: z.string().max(100).optional().catch(undefined),
      type: z.string().max(100).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
  errors,
});
export type StatusEvent = z.output<typeof StatusEvent>;

const title = z.object({ title: z.string() });

export const InboundMessage = z.object({
  from: z.string().regex(/^\d{5,15}$/),
  id: z.string().min(1).max(200),
  timestamp,
  type: z.string().max(50),
  text: z.object({ body: z.string() }).optional(),
  button: z.object({ text: z.string(), payload: z.string().optional() }).optional(),
  interactive: z.object({ button_reply: title.optional(), list_reply: title.optional() }).optional(),
  context: z.object({ id: z.string().optional() }).optional(),
});
export type InboundMessage = z.output<typeof InboundMessage>;

const metadata = z.object({ phone_number_id: z.string().min(1) });
/** Read one by one: a message of a kind that nobody knows must not keep the others from being read. */
const list = z.array(z.unknown()).optional();

export const MessagesValue = z.object({
  metadata,
  messages: list,
  statuses: list,
  errors,
});

export const PreferencesValue = z.object({ metadata, user_preferences: list });

export const PreferenceEvent = z.object({
  wa_id: z.string().regex(/^\d{5,15}$/),
  category: z.string(),
  value: z.enum(['stop', 'resume', 'signup']),
  timestamp: z.union([z.number(), z.string()]).optional(),
});
export type PreferenceEvent = z.output<typeof PreferenceEvent>;

/** Meta's documents write en-US in webhooks and en_US everywhere else. */
const language = z.string().transform((code) => code.replace('-', '_'));
const named = { message_template_name: z.string(), message_template_language: language };
const words = z.string().nullish().catch(null);

export const TemplateStatusValue = z.object({
  ...named,
  event: z.string(),
  reason: words,
  rejection_info: z.object({ reason: words }).optional().catch(undefined),
  other_info: z.object({ title: words, description: words }).optional().catch(undefined),
  message_template_category: words,
});

/** `correct_category` is announced for tomorrow: then `new_category` is what the template still is. */
export const TemplateCategoryValue = z.object({
  ...named,
  new_category: z.string(),
  previous_category: words,
  correct_category: words,
});

export const TemplateQualityValue = z.object({ ...named, new_quality_score: z.string() });

export const TemplateComponentsValue = z.object(named);

/** What is posted: changes of accounts, each of one field. */
export const WebhookBody = z.object({
  object: z.string(),
  entry: z
    .array(
      z.object({
        id: z.string(),
        changes: z.array(z.object({ field: z.string().max(100), value: anyObject })).max(1000),
      }),
    )
    .max(1000),
});

/** Whether Meta bills the message; undefined: it has not said. `type` decides, because Meta retires `billable`. */
export function isBilled(pricing: StatusEvent['pricing']): boolean | undefined {
  if (pricing?.type === 'regular') return true;
  if (pricing?.type === 'free_customer_service' || pricing?.type === 'free_entry_point') return false;
  return pricing?.billable;
}

/** The text of a message that a person typed or chose; null of one without any. */
export function textOf({ text, button, interactive }: InboundMessage): string | null {
  return text?.body ?? button?.text ?? interactive?.button_reply?.title ?? interactive?.list_reply?.title ?? null;
}

/** What an error says, for people. */
export function errorText(errors: StatusEvent['errors']): string | null {
  const [first] = errors ?? [];
  return first?.error_data?.details ?? first?.title ?? first?.message ?? null;
}
