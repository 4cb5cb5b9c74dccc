/** A template filled in for one person: what goes to Meta, and what Meta would refuse about it. Pure. */
import {
  PARAMETER_LIMITS,
  parameterFault,
  type TemplateComponent,
  type TemplateParameter,
} from '../providers/whatsapp/message.ts';
import { type Component, textOf } from './components.ts';
import { keyOf, kindOf, type Parameter } from './parameter.ts';

export interface TemplateText {
  readonly parameters: readonly Parameter[];
  readonly format: 'POSITIONAL' | 'NAMED';
  readonly body: string;
  /** As Meta lists them; null: only the body is known. */
  readonly components: readonly Component[] | null;
}

export type Filled =
  | { readonly kind: 'filled'; readonly components: readonly TemplateComponent[] }
  /** Nothing was given for this parameter. */
  | { readonly kind: 'missing'; readonly key: string }
  | { readonly kind: 'refused'; readonly why: 'text_too_long' | 'parameter_invalid'; readonly message: string };

/** `texts` by the keys of the parameters; of optional ones there may be none. */
export function fillIn(template: TemplateText, texts: Readonly<Record<string, string>>): Filled {
  const missing = template.parameters.find((one) => !one.optional && texts[keyOf(one)] === undefined);
  if (missing !== undefined) return { kind: 'missing', key: keyOf(missing) };
  for (const parameter of template.parameters) {
    const text = texts[keyOf(parameter)];
    const fault = text === undefined ? null : valueFault(parameter, text);
    if (fault !== null) return { kind: 'refused', why: 'parameter_invalid', message: `${keyOf(parameter)}: ${fault}` };
  }
  const tooLong = lengthFault(template, texts);
  if (tooLong !== null) return { kind: 'refused', why: 'text_too_long', message: tooLong };
  return { kind: 'filled', components: componentsOf(template, texts) };
}

/** The rule of Meta that this parameter value breaks, in words; null if none. */
export function valueFault(parameter: Parameter, text: string): string | null {
  const { name } = parameter;
  const kind = kindOf(parameter);
  switch (kind) {
    case 'location':
      return name === 'latitude' ? degreesFault(text, 90) : name === 'longitude' ? degreesFault(text, 180) : null;
    case 'image':
    case 'video':
    case 'document':
      return name === 'filename' ? null : parameterFault({ type: kind, ...mediaOf(text) });
    case 'payload':
      return parameterFault({ type: 'payload', payload: text });
    case 'coupon_code':
      return parameterFault({ type: 'coupon_code', code: text });
    case 'text':
    case 'url':
      return parameterFault({ type: 'text', text });
  }
}

function degreesFault(text: string, most: number): string | null {
  const isDegrees = /^-?\d{1,3}(\.\d+)?$/.test(text) && Math.abs(Number(text)) <= most;
  return isDegrees ? null : `expected degrees from -${most} to ${most}, as in 25.2048`;
}

/** All counted in Unicode characters, so that an emoji is one: what we count as too long is too long for Meta, however it counts. */
function lengthFault(
  { body, components, parameters }: TemplateText,
  texts: Readonly<Record<string, string>>,
): string | null {
  const lengths: [what: string, length: number, most: number][] = [
    ['the body', charsOf(filledText(body, 'body', texts)), PARAMETER_LIMITS.bodyChars],
  ];
  const header = textOf(components ?? [], 'HEADER');
  if (header !== '')
    lengths.push(['the header', charsOf(filledText(header, 'header', texts)), PARAMETER_LIMITS.headerChars]);
  for (const parameter of parameters) {
    if (parameter.component !== 'button' || kindOf(parameter) !== 'url') continue;
    const index = parameter.index ?? 0;
    const url = components?.find(({ type }) => type.toUpperCase() === 'BUTTONS')?.buttons?.[index]?.url ?? '';
    const filled = filledText(url, `button.${index}`, texts) || (texts[keyOf(parameter)] ?? '');
    lengths.push([`the address of button ${index}`, charsOf(filled), PARAMETER_LIMITS.urlChars]);
  }
  const fault = lengths.find(([, length, most]) => length > most);
  return fault === undefined
    ? null
    : `${fault[0]} has ${fault[1]} characters once it is filled in, expected at most ${fault[2]}`;
}

const charsOf = (text: string) => [...text].length;

/** A customer's text is data: no gap in it is filled. */
export function filledText(text: string, prefix: string, texts: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{\s*(\w+)\s*\}\}/g, (gap, name: string) => texts[`${prefix}.${name}`] ?? gap);
}

/** The filled gaps, component by component, in the order of the template's parameters. */
function componentsOf(
  { parameters, format }: TemplateText,
  texts: Readonly<Record<string, string>>,
): TemplateComponent[] {
  const filled = new Map<string, { of: Parameter; parameters: TemplateParameter[] }>();
  for (const parameter of parameters) {
    const value = filledGap(parameter, format, texts);
    if (value === null) continue;
    const { component, index = 0 } = parameter;
    const key = component === 'button' ? `button.${index}` : component;
    const one = filled.get(key) ?? { of: parameter, parameters: [] };
    one.parameters.push(value);
    filled.set(key, one);
  }
  return Array.from(filled.values(), ({ of, parameters: its }) =>
    of.component === 'button'
      ? { type: 'button', subType: SUB_TYPES[kindOf(of)] ?? 'url', index: of.index ?? 0, parameters: its }
      : { type: of.component, parameters: its },
  );
}

const SUB_TYPES: Readonly<Record<string, 'url' | 'quick_reply' | 'copy_code'>> = {
  url: 'url',
  payload: 'quick_reply',
  coupon_code: 'copy_code',
};

/** `null` for an optional one that nobody fills, and for those that are part of the one before them. */
function filledGap(
  parameter: Parameter,
  format: TemplateText['format'],
  texts: Readonly<Record<string, string>>,
): TemplateParameter | null {
  const text = texts[keyOf(parameter)];
  const { component, name } = parameter;
  const kind = kindOf(parameter);
  if (text === undefined) return null;
  switch (kind) {
    case 'location': {
      if (name !== 'latitude') return null;
      const { 'header.longitude': longitude = '', 'header.name': place, 'header.address': address } = texts;
      return {
        type: 'location',
        latitude: text,
        longitude,
        ...(place !== undefined && { name: place }),
        ...(address !== undefined && { address }),
      };
    }
    case 'image':
    case 'video':
    case 'document': {
      if (name === 'filename') return null;
      const filename = texts['header.filename'];
      return { type: kind, ...mediaOf(text), ...(kind === 'document' && filename !== undefined && { filename }) };
    }
    case 'payload':
      return { type: 'payload', payload: text };
    case 'coupon_code':
      return { type: 'coupon_code', code: text };
    case 'text':
    case 'url':
      return { type: 'text', text, ...(format === 'NAMED' && component !== 'button' && { name }) };
  }
}

/** The id of a file that was uploaded to Meta is digits; anything else is meant to be an address. */
function mediaOf(text: string): { readonly id: string } | { readonly link: string } {
  return /^\d+$/.test(text) ? { id: text } : { link: text };
}
