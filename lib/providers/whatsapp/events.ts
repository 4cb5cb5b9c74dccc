/** Schemas of WhatsApp's webhooks, limited to what this product reads. Everything else is ignored. */
import { z } from 'zod';
import { anyObject } from '../../fields.ts';

/** Unix seconds, as text or as a number. */
export const timestamp = z.union([
  z.string().regex(/^\d{9,11}$/),
  z.number().int().min(100_000_000).max(99_999_999_999),
]);
/** Meta writes at most 128 characters; an index takes some more. */
export const wamid = z.string().min(1).max(512);
const errors = z
  .array(
    z.object({
      code: z.int32(),
      title: z.string().optional(),
      message: z.string().optional(),
      error_data: z.object({ details: z.string().optional() }).optional(),
    }),
  )
  .optional();

/** The delivery status of one of our messages. Fields that differ from Meta's documentation are dropped. */
export const StatusEvent = z.object({
  id: wamid,
  status: z.enum(['sent', 'delivered', 'read', 'played', 'failed']),
  timestamp,
  recipient_type: z.string().optional().catch(undefined),
  /** The person's number, if Meta shares it. */
  recipient_id: z.unknown().optional(),
  recipient_user_id: z.unknown().optional(),
  biz_opaque_callback_data: z.string().optional().catch(undefined),
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

const metadata = z.object({ phone_number_id: z.string().min(1) });
/** Read one by one, because one that is not understood must not keep the others from being read. */
const list = z.array(z.unknown()).optional();

export const MessagesValue = z.object({
  metadata,
  contacts: z.unknown().optional(),
  messages: list,
  statuses: list,
  errors: errors.catch(undefined),
});

export const PreferencesValue = z.object({ metadata, contacts: z.unknown().optional(), user_preferences: list });

export const PreferenceEvent = z.object({
  wa_id: z.unknown().optional(),
  user_id: z.unknown().optional(),
  category: z.literal('marketing_messages'),
  value: z.enum(['stop', 'resume', 'signup']),
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

/** The body of a webhook. Its entries are parsed one by one. */
export const WebhookBody = z.object({ object: z.literal('whatsapp_business_account'), entry: z.array(z.unknown()) });

export const WebhookEntry = z.object({
  id: z.union([z.string(), z.number()]).transform(String).catch(''),
  changes: z.array(z.unknown()),
});

/** A change of the account, of one field. */
export const WebhookChange = z.object({ field: z.string().max(100), value: anyObject });

/** True if Meta bills the message; undefined: not known yet. Uses `type`, because Meta retires `billable`. */
export function isBilled(pricing: StatusEvent['pricing']): boolean | undefined {
  if (pricing?.type === 'regular') return true;
  if (pricing?.type === 'free_customer_service' || pricing?.type === 'free_entry_point') return false;
  return pricing?.billable;
}

/** The error in words; null if there is none. */
export function errorText(errors: StatusEvent['errors']): string | null {
  const [first] = errors ?? [];
  return first?.error_data?.details ?? first?.title ?? first?.message ?? null;
}
