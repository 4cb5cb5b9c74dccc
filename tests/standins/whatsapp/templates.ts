/** Meta's templates: what each must be filled in with, checked as Meta checks a send, and the list that an account can be asked for. */
import type { Answer, Call } from '../kit/stand-in.ts';
import { refusal, type SendBody } from './graph.ts';

export interface StandInComponent {
  readonly type: 'HEADER' | 'BODY' | 'FOOTER' | 'BUTTONS';
  readonly format?: 'TEXT' | 'IMAGE' | 'VIDEO' | 'DOCUMENT' | 'LOCATION';
  readonly text?: string;
  readonly buttons?: readonly { readonly type: string; readonly text?: string; readonly url?: string }[];
}

export interface StandInTemplate {
  readonly name: string;
  readonly language: string;
  category: 'MARKETING' | 'UTILITY' | 'AUTHENTICATION';
  status: 'APPROVED' | 'PENDING' | 'REJECTED' | 'PAUSED' | 'DISABLED';
  quality?: 'GREEN' | 'YELLOW' | 'RED' | 'UNKNOWN';
  readonly format?: 'POSITIONAL' | 'NAMED';
  /** The parameters of its body, if it has no components. */
  readonly parameters?: number;
  readonly components?: readonly StandInComponent[];
}

type Sent = Extract<SendBody, { type: 'template' }>['template'];
type SentComponent = Sent['components'][number];

const BODY_CHARS = 1024;
const HEADER_CHARS = 60;
const CODE_CHARS = 15;
/** Calls an hour that read or write templates, per app and account. */
const CALLS_PER_HOUR = 200;
const PAGE = 25;
const MOST_ON_A_PAGE = 1_000;

export function componentsOf({ components, parameters = 0 }: StandInTemplate): readonly StandInComponent[] {
  const gaps = Array.from({ length: parameters }, (_, n) => `{{${n + 1}}}`);
  return components ?? [{ type: 'BODY', text: ['Hello', ...gaps].join(' ') }];
}

/** Null if a message may go out with this template. */
export function templateRefusal(body: SendBody, templates: readonly StandInTemplate[]): Answer | null {
  if (body.type !== 'template') return null;
  const { name, language } = body.template;
  const template = templates.find((one) => one.name === name && one.language === language.code);
  const missing = 'Template name does not exist in the translation';
  if (template === undefined) return refusal(404, 132001, missing, `template name (${name}) does not exist`);
  if (template.status === 'PAUSED') return refusal(400, 132015, 'Template is paused', 'the template is paused');
  if (template.status === 'DISABLED') return refusal(400, 132016, 'Template is disabled', 'the template is disabled');
  if (template.status !== 'APPROVED') return refusal(404, 132001, missing, 'the template is not approved');
  return (
    textRefusal(template, body.template) ??
    headerRefusal(template, body.template) ??
    buttonRefusal(template, body.template)
  );
}

function sentOf({ components }: Sent, type: SentComponent['type']): SentComponent[] {
  return components.filter((one) => one.type === type);
}

function textRefusal(template: StandInTemplate, sent: Sent): Answer | null {
  for (const [type, most] of [
    ['header', HEADER_CHARS],
    ['body', BODY_CHARS],
  ] as const) {
    const its = componentsOf(template).find((one) => one.type.toLowerCase() === type);
    const text = its?.text ?? '';
    if (its === undefined || (its.format ?? 'TEXT') !== 'TEXT') continue;
    const gaps = new Set(text.match(/\{\{\s*\w+\s*\}\}/g));
    const given = sentOf(sent, type).flatMap(({ parameters }) => parameters);
    if (given.length !== gaps.size)
      return refusal(
        400,
        132000,
        'Number of parameters does not match the expected number of params',
        `${type}: number of localizable_params (${given.length}) does not match the expected number of params (${gaps.size})`,
      );
    const strange = given.find((one) => one.type !== 'text' || !isPlain(one.text ?? ''));
    if (strange !== undefined)
      return refusal(
        400,
        132012,
        'Parameter format does not match format in the created template',
        `${type}: a parameter is empty, has breaks or is no text`,
      );
    const translated = [...gaps].reduce((whole, gap, n) => whole.replaceAll(gap, () => given[n]?.text ?? ''), text);
    if ([...translated].length > most)
      return refusal(
        400,
        132005,
        'Translated text too long',
        `${type}: the translated text has more than ${most} characters`,
      );
  }
  return null;
}

const isPlain = (text: string) => text.trim() !== '' && !/[\n\t]| {5,}/.test(text);

function headerRefusal(template: StandInTemplate, sent: Sent): Answer | null {
  const wanted = componentsOf(template).find(({ type }) => type === 'HEADER')?.format ?? 'TEXT';
  if (wanted === 'TEXT') {
    const stray = sentOf(sent, 'header').length > 0 && !componentsOf(template).some(({ type }) => type === 'HEADER');
    return stray ? mismatch('header', 'no header', 'one') : null;
  }
  const given = sentOf(sent, 'header').flatMap(({ parameters }) => parameters);
  const [only] = given;
  if (given.length !== 1 || only?.type.toUpperCase() !== wanted)
    return mismatch('header', wanted, given.length === 1 ? (only?.type ?? '') : `${given.length} parameters`);
  const value = (only as Record<string, unknown>)[only.type] as Record<string, string> | undefined;
  if (wanted === 'LOCATION')
    return value?.latitude && value.longitude ? null : mismatch('header', 'latitude and longitude', 'another');
  const named = [value?.link, value?.id].filter((one) => one !== undefined);
  return named.length === 1 && (value?.id !== undefined || /^https?:\/\//.test(value?.link ?? ''))
    ? null
    : mismatch('header', `${wanted} with a link or an id`, 'another');
}

function mismatch(where: string, wanted: string, got: string): Answer {
  const title = 'Parameter format does not match format in the created template';
  return refusal(400, 132012, title, `${where}: Format mismatch, expected ${wanted}, received ${got}`);
}

function buttonRefusal(template: StandInTemplate, sent: Sent): Answer | null {
  const buttons = componentsOf(template).find(({ type }) => type === 'BUTTONS')?.buttons ?? [];
  const given = sentOf(sent, 'button') as (SentComponent & { sub_type?: string; index?: string | number })[];
  for (const [index, { type, url = '' }] of buttons.entries()) {
    const its = given.find((one) => Number(one.index) === index);
    const subType = { URL: 'url', COPY_CODE: 'copy_code', QUICK_REPLY: 'quick_reply' }[type];
    if (its === undefined) {
      if (type !== 'COPY_CODE' && !url.includes('{{')) continue;
      return refusal(
        400,
        131008,
        'Required parameter is missing',
        `buttons: Button at index ${index} of type ${type} requires a parameter`,
      );
    }
    if (its.sub_type?.toLowerCase() !== subType || its.parameters.length !== 1)
      return mismatch(`button ${index}`, type, `${its.sub_type}`);
    const code = (its.parameters[0] as { coupon_code?: string }).coupon_code ?? '';
    if (type === 'COPY_CODE' && (code === '' || code.length > CODE_CHARS))
      return refusal(
        400,
        131009,
        'Parameter value is not valid',
        `button ${index}: a code has 1 to ${CODE_CHARS} characters`,
      );
  }
  const stray = given.find(({ index }) => buttons[Number(index)] === undefined);
  return stray === undefined ? null : mismatch(`button ${stray.index}`, 'no button', 'one');
}

/** `GET /{account}/message_templates`: page by page behind a cursor; `next` is there as long as there is more. */
export function templateList(
  { query, path }: Call,
  { templates, origin, made }: { templates: readonly StandInTemplate[]; origin: string; made: number },
): Answer {
  if (made > CALLS_PER_HOUR)
    return refusal(
      400,
      80008,
      'There have been too many calls to this WhatsApp Business account',
      'wait a bit and try again',
    );
  const limit = Math.min(Number(query.get('limit') ?? PAGE), MOST_ON_A_PAGE);
  const after = query.get('after');
  const from = after === null ? 0 : Number(Buffer.from(after, 'base64url').toString());
  if (!Number.isInteger(from)) return refusal(400, 100, 'Invalid parameter', 'after: not a cursor');
  const page = templates.slice(from, from + limit);
  const fields = new Set((query.get('fields') ?? 'name,status,category,language,id').split(','));
  const cursor = (place: number) => Buffer.from(String(place)).toString('base64url');
  const next = new URL(`${origin}${path}`);
  next.search = new URLSearchParams({
    limit: String(limit),
    after: cursor(from + limit),
    access_token: 'secret',
  }).toString();
  return {
    status: 200,
    body: {
      data: page.map((template, n) => listed(template, from + n, fields)),
      ...(page.length > 0 && {
        paging: {
          cursors: { before: cursor(from), after: cursor(from + page.length) },
          ...(from + limit < templates.length && { next: next.href }),
        },
      }),
    },
  };
}

function listed(template: StandInTemplate, place: number, fields: ReadonlySet<string>): object {
  const { name, language, category, status, quality = 'UNKNOWN', format = 'POSITIONAL' } = template;
  const all = {
    name,
    parameter_format: format,
    components: componentsOf(template),
    language,
    status,
    category,
    quality_score: { score: quality, date: 1_698_266_945 },
    rejected_reason: status === 'REJECTED' ? 'INVALID_FORMAT' : 'NONE',
  };
  const asked = Object.entries(all).filter(([field]) => fields.has(field));
  return { ...Object.fromEntries(asked), id: String(1_000_000 + place) };
}
