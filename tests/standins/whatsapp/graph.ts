/** The rules of the Cloud API as its documents state them: who may call, what a message must look like, and Meta's envelope for a no. */
import { z } from 'zod';
import type { Answer } from '../kit/standIn.ts';

export interface StandInTemplate {
  readonly name: string;
  readonly language: string;
  readonly category: 'MARKETING' | 'UTILITY' | 'AUTHENTICATION';
  status: 'APPROVED' | 'PENDING' | 'REJECTED' | 'PAUSED' | 'DISABLED';
  /** How many parameters its body takes. */
  readonly parameters: number;
}

const parameter = z.object({ type: z.string(), text: z.string().optional() }).passthrough();
const component = z
  .object({ type: z.enum(['header', 'body', 'button']), parameters: z.array(parameter) })
  .passthrough();

export const SendBody = z.discriminatedUnion('type', [
  z.object({
    messaging_product: z.literal('whatsapp'),
    recipient_type: z.literal('individual').optional(),
    to: z.string(),
    biz_opaque_callback_data: z.string().max(512).optional(),
    type: z.literal('text'),
    text: z.object({ body: z.string().min(1).max(4096), preview_url: z.boolean().optional() }),
    context: z.object({ message_id: z.string() }).optional(),
  }),
  z.object({
    messaging_product: z.literal('whatsapp'),
    recipient_type: z.literal('individual').optional(),
    to: z.string(),
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

/** Null if the message may go out with this template. */
export function templateRefusal(body: SendBody, templates: readonly StandInTemplate[]): Answer | null {
  if (body.type !== 'template') return null;
  const { name, language, components } = body.template;
  const template = templates.find((one) => one.name === name && one.language === language.code);
  if (template === undefined)
    return refusal(
      404,
      132001,
      'Template name does not exist in the translation',
      `template name (${name}) does not exist`,
    );
  if (template.status === 'PAUSED') return refusal(400, 132015, 'Template is paused', 'the template is paused');
  if (template.status === 'DISABLED') return refusal(400, 132016, 'Template is disabled', 'the template is disabled');
  if (template.status !== 'APPROVED')
    return refusal(404, 132001, 'Template name does not exist in the translation', 'the template is not approved');
  const given = components.filter(({ type }) => type === 'body').flatMap(({ parameters }) => parameters);
  if (given.length !== template.parameters)
    return refusal(
      400,
      132000,
      'Number of parameters does not match the expected number of params',
      `body: number of localizable_params (${given.length}) does not match the expected number of params (${template.parameters})`,
    );
  const strange = given.find(({ text = '' }) => text.trim() === '' || /[\n\t]| {5,}/.test(text));
  return strange === undefined
    ? null
    : refusal(
        400,
        132012,
        'Parameter format does not match format in the created template',
        'a parameter is empty or has breaks',
      );
}
