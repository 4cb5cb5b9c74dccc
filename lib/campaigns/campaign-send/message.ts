/** The message that a person gets: the template in their language, filled in with what they were planned with. Pure. */
import type { WhatsAppMessage } from '../../providers/whatsapp.ts';
import { fillIn, type TemplateText } from '../../templates/fill.ts';

export interface Templates {
  /** The campaign's own. */
  readonly template: { readonly name: string; readonly language: string };
  /** Texts by language: the campaign's own, and other approved translations of the same name. */
  readonly templates: Readonly<Record<string, TemplateText>>;
}

export type TemplateMessage = Extract<WhatsAppMessage, { kind: 'template' }>;

export type Written =
  | { readonly kind: 'message'; readonly message: TemplateMessage }
  /** The campaign's own template has this gap, and nothing fills it. */
  | { readonly kind: 'missing'; readonly key: string }
  /** Meta would refuse it. */
  | { readonly kind: 'refused'; readonly why: 'text_too_long' | 'parameter_invalid'; readonly message: string };

/**
 * In the person's language where the template has it and their texts fit it, else in the campaign's: a translation with other gaps
 * or longer words keeps nobody from the campaign's own.
 */
export function messageFor(
  { phone, language, texts }: { phone: string; language: string | null; texts: Readonly<Record<string, string>> },
  { template: { name, language: own }, templates }: Templates,
): Written {
  const ways = language === null || language === own ? [own] : [language, own];
  let written: Written = { kind: 'missing', key: '' };
  for (const spoken of ways) {
    const template = Object.hasOwn(templates, spoken) ? templates[spoken] : undefined;
    if (template === undefined) continue;
    const filled = fillIn(template, texts);
    if (filled.kind !== 'filled') {
      written = filled;
      continue;
    }
    const { components } = filled;
    return { kind: 'message', message: { kind: 'template', to: phone, name, language: spoken, components } };
  }
  return written;
}
