/** Messages to send. Checks them against Meta's rules first, so that a mistake of ours costs no call, and makes their JSON. */
import { isStorablePhone } from '../../phone/index.ts';
import { USER_ID } from './person.ts';

export type TemplateParameter =
  /** `name` only for templates with named parameters. */
  | { readonly type: 'text'; readonly text: string; readonly name?: string }
  /** Media by the URL that Meta fetches, or by the id of an upload. `filename` is for documents only. */
  | {
      readonly type: 'image' | 'video' | 'document';
      readonly link?: string;
      readonly id?: string;
      readonly filename?: string;
    }
  /** Degrees as text. */
  | {
      readonly type: 'location';
      readonly latitude: string;
      readonly longitude: string;
      readonly name?: string;
      readonly address?: string;
    }
  | { readonly type: 'payload'; readonly payload: string }
  | { readonly type: 'coupon_code'; readonly code: string };

export type TemplateComponent =
  | { readonly type: 'header' | 'body'; readonly parameters: readonly TemplateParameter[] }
  | {
      readonly type: 'button';
      readonly subType: 'url' | 'quick_reply' | 'copy_code';
      readonly index: number;
      readonly parameters: readonly TemplateParameter[];
    };

/** `to` is E.164, or WhatsApp's id of a person whose number is not known. */
export type WhatsAppMessage =
  | { readonly kind: 'text'; readonly to: string; readonly body: string; readonly replyTo?: string }
  | {
      readonly kind: 'template';
      readonly to: string;
      readonly name: string;
      readonly language: string;
      readonly components: readonly TemplateComponent[];
    };

/** Meta's limits, in characters. */
const TEXT_CHARS = 4096;
const OPAQUE_CHARS = 512;
/** Limits of a filled template and of its other parameters, in characters. */
export const PARAMETER_LIMITS = {
  bodyChars: 1024,
  headerChars: 60,
  urlChars: 2000,
  linkChars: 2048,
  payloadChars: 256,
  codeChars: 15,
} as const;

/** The rule of Meta that the message breaks, in words; null if none. */
export function faultOf(message: WhatsAppMessage, opaqueId: string): string | null {
  if (!isStorablePhone(message.to) && !USER_ID.test(message.to))
    return "expected a recipient in E.164 or a person's WhatsApp id";
  if (opaqueId.length === 0 || opaqueId.length > OPAQUE_CHARS)
    return `expected an opaque id of 1 to ${OPAQUE_CHARS} characters`;
  if (message.kind === 'text') {
    if (message.body.trim() === '') return 'expected a text, got an empty one';
    return message.body.length > TEXT_CHARS
      ? `expected at most ${TEXT_CHARS} characters, got ${message.body.length}`
      : null;
  }
  if (!/^[a-z0-9_]{1,512}$/.test(message.name)) return 'expected a template name of small letters, digits and _';
  if (!/^[a-z]{2,3}(_[A-Z]{2})?$/.test(message.language)) return 'expected a language like en or en_US';
  for (const { parameters } of message.components)
    for (const parameter of parameters) {
      const fault = parameterFault(parameter);
      if (fault !== null) return fault;
    }
  return null;
}

/** The rule of Meta that the parameter breaks in any template, in words; null if none. */
export function parameterFault(parameter: TemplateParameter): string | null {
  switch (parameter.type) {
    case 'text':
      return textFault(parameter.text);
    case 'image':
    case 'video':
    case 'document':
      return mediaFault(parameter);
    case 'location':
      return null;
    case 'payload':
      return lengthFault(parameter.payload, PARAMETER_LIMITS.payloadChars);
    case 'coupon_code':
      return /^[A-Za-z0-9]+$/.test(parameter.code)
        ? lengthFault(parameter.code, PARAMETER_LIMITS.codeChars)
        : 'expected a code of letters and digits';
  }
}

function textFault(text: string): string | null {
  if (text.trim() === '') return 'expected a value for every parameter, got an empty one';
  if (/[\n\r\t]/.test(text)) return 'expected a parameter without line breaks and tabs';
  if (/ {5,}/.test(text)) return 'expected at most four spaces in a row in a parameter';
  return lengthFault(text, PARAMETER_LIMITS.bodyChars); // of a whole body; one parameter cannot be longer
}

function mediaFault({ id, link = '' }: { readonly id?: string; readonly link?: string }): string | null {
  if (id !== undefined) return /^\d{5,30}$/.test(id) ? null : 'expected the id of an upload, 5 to 30 digits';
  if (!/^https?:\/\/[^\s/]+\S*$/.test(link)) return 'expected an http or https address, or the id of an upload';
  return lengthFault(link, PARAMETER_LIMITS.linkChars);
}

function lengthFault(text: string, most: number): string | null {
  const length = [...text].length;
  return length > most ? `expected at most ${most} characters, got ${length}` : null;
}

/** The JSON that Meta takes. */
export function bodyOf(message: WhatsAppMessage, opaqueId: string): object {
  const envelope = {
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    ...(message.to.startsWith('+') ? { to: message.to.slice(1) } : { recipient: message.to }),
    biz_opaque_callback_data: opaqueId,
  };
  if (message.kind === 'text')
    return {
      ...envelope,
      type: 'text',
      text: { preview_url: false, body: message.body },
      ...(message.replyTo !== undefined && { context: { message_id: message.replyTo } }),
    };
  const { name, language, components } = message;
  const template = { name, language: { code: language }, components: components.map(componentOf) };
  return { ...envelope, type: 'template', template };
}

function componentOf(component: TemplateComponent): object {
  const parameters = component.parameters.map(parameterOf);
  if (component.type !== 'button') return { type: component.type, parameters };
  return { type: 'button', sub_type: component.subType, index: String(component.index), parameters };
}

function parameterOf(parameter: TemplateParameter): object {
  switch (parameter.type) {
    case 'text':
      return {
        type: 'text',
        ...(parameter.name !== undefined && { parameter_name: parameter.name }),
        text: parameter.text,
      };
    case 'payload':
      return { type: 'payload', payload: parameter.payload };
    case 'coupon_code':
      return { type: 'coupon_code', coupon_code: parameter.code };
    case 'location': {
      const { type, ...location } = parameter;
      return { type, location };
    }
    case 'image':
    case 'video':
    case 'document': {
      const { type, ...media } = parameter;
      return { type, [type]: media };
    }
  }
}
