/** A template's components as Meta lists them, and the gaps that a message has to fill. Pure. */
import { z } from 'zod';
import type { Parameter } from './parameter.ts';

const button = z.object({
  type: z.string(),
  text: z.string().optional(),
  url: z.string().optional(),
});

/** Read leniently: Meta adds kinds, and one unknown kind must not hide the template. */
export const Component = z.object({
  type: z.string(),
  format: z.string().optional(),
  text: z.string().optional(),
  buttons: z.array(button).optional(),
});
export type Component = z.output<typeof Component>;

export interface Gaps {
  readonly parameters: readonly Parameter[];
  /** The first part that campaigns cannot fill, in words; null: none. */
  readonly unsupported: string | null;
}

/** Parts that carry no gap. */
const PLAIN_BUTTONS: readonly string[] = ['PHONE_NUMBER', 'VOICE_CALL', 'REQUEST_CONTACT_INFO'];
const MEDIA: Readonly<Record<string, Parameter['kind']>> = {
  IMAGE: 'image',
  VIDEO: 'video',
  GIF: 'video',
  DOCUMENT: 'document',
};
const LOCATION = [
  { name: 'latitude' },
  { name: 'longitude' },
  { name: 'name', optional: true },
  { name: 'address', optional: true },
];

/** The values that a message with these components has to supply. */
export function gapsOf(components: readonly Component[]): Gaps {
  const parameters: Parameter[] = [];
  let unsupported: string | null = null;
  for (const { type, format = 'TEXT', text = '', buttons = [] } of components) {
    switch (type.toUpperCase()) {
      case 'HEADER': {
        const header = headerGaps(format.toUpperCase(), text);
        if (header === null) unsupported ??= `a header of the kind ${format}`;
        else parameters.push(...header);
        break;
      }
      case 'BODY':
        parameters.push(...namesIn(text).map((name) => ({ component: 'body' as const, name })));
        break;
      case 'FOOTER':
        break;
      case 'BUTTONS':
        for (const [index, one] of buttons.entries()) {
          const gaps = buttonGaps(one, index);
          if (gaps === null) unsupported ??= `a button of the kind ${one.type}`;
          else parameters.push(...gaps);
        }
        break;
      default:
        unsupported ??= `a component of the kind ${type}`;
    }
  }
  return { parameters, unsupported };
}

function headerGaps(format: string, text: string): Parameter[] | null {
  if (format === 'TEXT') return namesIn(text).map((name) => ({ component: 'header', name }));
  if (format === 'LOCATION') return LOCATION.map((one) => ({ component: 'header', kind: 'location', ...one }));
  const kind = MEDIA[format];
  if (kind === undefined) return null;
  const media: Parameter = { component: 'header', name: kind, kind };
  return kind === 'document'
    ? [media, { component: 'header', name: 'filename', kind: 'document', optional: true }]
    : [media];
}

function buttonGaps({ type, url = '' }: z.output<typeof button>, index: number): Parameter[] | null {
  switch (type.toUpperCase()) {
    case 'URL':
      return namesIn(url).map((name) => ({ component: 'button', name, index, kind: 'url' }));
    case 'OTP': // its code goes to Meta as the end of an address
      return [{ component: 'button', name: '1', index, kind: 'url' }];
    case 'QUICK_REPLY': // without a payload of its own a tap sends the button's text
      return [{ component: 'button', name: 'payload', index, kind: 'payload', optional: true }];
    case 'COPY_CODE':
      return [{ component: 'button', name: 'coupon_code', index, kind: 'coupon_code' }];
    default:
      return PLAIN_BUTTONS.includes(type.toUpperCase()) ? [] : null;
  }
}

/** The names in `{{…}}`, each once, in the order of their first occurrence; numbers by their value, as Meta takes them. */
export function namesIn(text: string): string[] {
  const names = [...new Set(Array.from(text.matchAll(/\{\{\s*(\w+)\s*\}\}/g), ([, name]) => name as string))];
  return names.every((name) => /^\d+$/.test(name)) ? names.sort((a, b) => Number(a) - Number(b)) : names;
}

/** The text of a component: of the body as it is sent, with its gaps; empty where there is none. */
export function textOf(components: readonly Component[], type: 'HEADER' | 'BODY' | 'FOOTER'): string {
  return components.find((one) => one.type.toUpperCase() === type)?.text ?? '';
}
