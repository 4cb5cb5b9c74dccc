/** A campaign as a form writes it, in texts, made into what the API takes. Pure: the zone in which times were typed is a parameter. */
import type { Issue } from '@conversure/jobqueue';
import { keyOf, type Parameter } from '../templates/parameter.ts';
import { type NewCampaign, newCampaign, type Person } from './request.ts';

export type Fields = Readonly<Record<string, string | undefined>>;

export interface FormContext {
  /** Those of the chosen template. */
  readonly parameters: readonly Parameter[];
  /** The category that decides the price. */
  readonly category: 'MARKETING' | 'UTILITY' | 'AUTHENTICATION';
  readonly people: readonly Person[] | null;
  /** Reads a local time as the viewer's clock shows it; undefined for what is none. */
  readonly instantOf: (typed: string) => Date | undefined;
  readonly now: Date;
}

export type Filled = { readonly campaign: NewCampaign } | { readonly issues: readonly Issue[] };

/** The values of a person beside the columns of a list. */
export const PERSON_FIELDS = ['name', 'first_name', 'phone', 'email', 'source', 'organisation'] as const;

/** The campaign that the form describes, or an issue for each field that is wrong, by the field's own name. */
export function campaignOf(fields: Fields, context: FormContext): Filled {
  const issues: Issue[] = [...timeIssues(fields, context), ...missingOf(fields, context)];
  const parsed = newCampaign.safeParse(written(fields, context));
  if (!parsed.success)
    issues.push(
      ...parsed.error.issues.map(({ path, message }) => ({
        path: fieldOf(path.map(String)),
        message: message.replace(/^Invalid input: /, ''),
      })),
    );
  return issues.length > 0 || !parsed.success ? { issues: once(issues) } : { campaign: parsed.data };
}

function written(fields: Fields, { parameters, category, people, instantOf }: FormContext): object {
  const [name = '', language = ''] = (fields.template ?? '').split('/');
  const instant = (key: string) => instantOf(said(fields, key))?.toISOString();
  const price = numberIn(fields, 'price');
  const messages = numberIn(fields, 'capMessages');
  const hours = numberIn(fields, 'capHours');
  const prices =
    price === undefined && said(fields, 'currency') === ''
      ? undefined
      : { currency: said(fields, 'currency').toUpperCase(), [category.toLowerCase()]: price };
  return defined({
    companyId: fields.company,
    name: said(fields, 'name'),
    template: { name, language },
    audience: fields.audience === 'list' ? { kind: 'list', people: people ?? [] } : leadsIn(fields, instant),
    parameters: Object.fromEntries(parameters.flatMap((one) => sourceOf(fields, keyOf(one)))),
    quietHours: fields.isQuiet === '0' ? null : { from: said(fields, 'quietFrom'), to: said(fields, 'quietTo') },
    scheduledAt: instant('scheduledAt'),
    expiresAt: instant('expiresAt'),
    needsConsent: fields.needsConsent === '1',
    resendUnknown: fields.resendUnknown === '1',
    cap: messages === undefined && hours === undefined ? undefined : { messages, hours },
    shards: numberIn(fields, 'shards'),
    prices,
  });
}

function leadsIn(fields: Fields, instant: (key: string) => string | undefined): object {
  return defined({
    kind: 'leads',
    anyTag: listIn(fields, 'anyTag'),
    allTags: listIn(fields, 'allTags'),
    noTag: listIn(fields, 'noTag'),
    sources: listIn(fields, 'sources'),
    importId: said(fields, 'importId') || undefined,
    createdFrom: instant('createdFrom'),
    createdBefore: instant('createdBefore'),
  });
}

/** A text for everybody, a field of the person, or a column of the list; nothing where the parameter is left out. */
function sourceOf(fields: Fields, key: string): [key: string, source: object][] {
  const from = said(fields, `from-${key}`);
  const text = said(fields, `text-${key}`);
  const fallback = said(fields, `fallback-${key}`) || undefined;
  if (from === 'value') return text === '' ? [] : [[key, { value: text }]];
  const field = from === 'column' ? text : from;
  return field === '' ? [] : [[key, defined({ field, fallback })]];
}

function missingOf(fields: Fields, { parameters, people }: FormContext): Issue[] {
  const missing = parameters
    .filter((one) => !one.optional && sourceOf(fields, keyOf(one)).length === 0)
    .map((one) => ({ path: `text-${keyOf(one)}`, message: 'expected what fills it: the template has this gap' }));
  if (fields.audience === 'list' && people === null)
    missing.push({ path: 'file', message: 'expected a file with the people' });
  return missing;
}

/** Times that make no sense stay out of the campaign, so they are named here. */
function timeIssues(fields: Fields, { instantOf, now }: FormContext): Issue[] {
  const at = (key: string) => instantOf(said(fields, key));
  const issues = ['scheduledAt', 'expiresAt', 'createdFrom', 'createdBefore']
    .filter((key) => said(fields, key) !== '' && at(key) === undefined)
    .map((path) => ({ path, message: 'expected a date and a time' }));
  const starts = at('scheduledAt');
  const ends = at('expiresAt');
  if (ends !== undefined && ends <= (starts ?? now))
    issues.push({ path: 'expiresAt', message: 'expected a time after the campaign starts' });
  return issues;
}

const said = (fields: Fields, key: string): string => (fields[key] ?? '').trim();

/** Splits a list of tags at lines and commas. */
function listIn(fields: Fields, key: string): string[] | undefined {
  const entries = said(fields, key)
    .split(/[,،\n\r]+/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return entries.length === 0 ? undefined : [...new Set(entries)];
}

/** A text that is no number stays one, so that the schema says what was expected. */
function numberIn(fields: Fields, key: string): number | string | undefined {
  const text = said(fields, key).replace(',', '.');
  if (text === '') return undefined;
  return /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : text;
}

function defined(entries: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

/** The field of the form that a path of the API means. */
function fieldOf([first = '', second = '']: readonly string[]): string {
  switch (first) {
    case 'audience':
      return second === 'people' ? 'file' : second;
    case 'parameters':
      return `text-${second}`;
    case 'quietHours':
      return second === 'to' ? 'quietTo' : 'quietFrom';
    case 'cap':
      return second === 'hours' ? 'capHours' : 'capMessages';
    case 'prices':
      return second === 'currency' ? 'currency' : 'price';
    case 'companyId':
      return 'company';
    default:
      return first;
  }
}

/** One message a field: the first says what to do. */
function once(issues: readonly Issue[]): Issue[] {
  return issues.filter(({ path }, place) => issues.findIndex((other) => other.path === path) === place);
}
