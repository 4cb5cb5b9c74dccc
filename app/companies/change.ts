/** Makes a company, changes its settings, looks at its connections and resumes them. */
'use server';

import { database } from '@conversure/jobqueue/postgres';
import { z } from 'zod';
import { companies } from '@/lib/companies';
import { newCompany, sectionValues } from '@/lib/companies/request';
import { SECTION_NAMES, SECTIONS, sectionOf } from '@/lib/companies/sections';
import { fromText } from '@/lib/companies/setting';
import { checkConnection } from '@/lib/connections/check';
import { resumeConnection } from '@/lib/connections/connection';
import { PROVIDERS } from '@/lib/connections/provider';
import { waitingJobs } from '@/lib/connections/waiting';
import { companyId, text } from '@/lib/fields';
import { HttpError } from '@/lib/http/errors';
import { queue } from '@/lib/queue';
import { action } from '../action';

const reason = text(200).trim().min(1, 'expected a reason for the audit log');
const trimmed = (given: unknown) => (typeof given === 'string' ? given.trim() : given);

export const createCompany = action(
  {
    page: '/companies?do=create',
    input: z.object({
      id: z.preprocess(trimmed, newCompany.shape.id),
      name: z.preprocess(trimmed, newCompany.shape.name),
      country: z.preprocess((given) => String(given).trim().toUpperCase(), newCompany.shape.country),
      timeZone: z.preprocess(trimmed, newCompany.shape.timeZone),
      reason,
    }),
    keeps: { secrets: [] },
  },
  async ({ reason: why, ...company }, { actor }) => {
    await companies.create(company, { actor, reason: why });
    return `${pathOf(company.id)}?done=company_made`;
  },
);

const settingsForm = z
  .object({
    id: companyId,
    section: z.enum(SECTION_NAMES),
    seen: z.string().transform(json).pipe(sectionValues),
    reason,
  })
  .loose();

/** Everything of the form beyond what names it, as text. */
const field = (given: unknown) => (typeof given === 'string' ? given : undefined);

export const changeSettings = action(
  {
    page: (form) => `${pathOf(form.get('id'))}?edit=${encodeURIComponent(String(form.get('section')))}`,
    input: settingsForm,
    keeps: { secrets: Object.values(SECTIONS).flatMap(({ secrets }) => Object.keys(secrets)) },
  },
  async ({ id, section, seen, reason: why, ...form }, { actor }) => {
    const { settings, secrets } = sectionOf(section);
    const values = Object.entries(settings).flatMap(([key, setting]) => {
      const typed = field(form[key]);
      return typed === undefined ? [] : [[key, fromText(setting, typed)] as const];
    });
    const given = Object.keys(secrets).flatMap((key): (readonly [string, string | null])[] => {
      const secret = field(form[key])?.trim() ?? '';
      if (secret !== '') return [[key, secret]];
      return form[`remove-${key}`] === '1' ? [[key, null]] : [];
    });
    const change = { values: Object.fromEntries(values), secrets: Object.fromEntries(given) };
    const changed = await companies.change({ companyId: id, section, seen, ...change }, { actor, reason: why });
    return `${pathOf(id)}?done=${changed.length > 0 ? 'settings' : 'settings_same'}#${section}`;
  },
);

const connection = z.object({ id: companyId, provider: z.enum(PROVIDERS) });

/** Longer than any of the calls takes. */
const CHECK_MS = 30_000;

export const checkOfCompany = action(
  {
    page: (form) => pathOf(form.get('id')),
    input: connection,
    audit: ({ id, provider }) => ({ action: 'connection.check', details: { companyId: id, provider } }),
    keeps: { secrets: [] },
  },
  async ({ id, provider }) => {
    const wrong = await checkConnection(database(), { companyId: id, provider }, AbortSignal.timeout(CHECK_MS));
    if (wrong !== null) throw new HttpError(409, 'connection_fails', `${provider} does not work: ${wrong}.`);
    return `${pathOf(id)}?done=connection_works`;
  },
);

export const resumeOfCompany = action(
  {
    page: (form) => pathOf(form.get('id')),
    input: connection.extend({ reason }),
    audit: ({ id, provider, reason: why }) => ({
      action: 'connection.resume',
      details: { companyId: id, provider, reason: why },
    }),
    keeps: { secrets: [] },
  },
  async ({ id, provider }) => {
    const resumed = await resumeConnection(database(), { companyId: id, provider });
    queue.kick(); // somebody waits in front of the page
    if (!resumed) return `${pathOf(id)}?done=not_paused`;
    const { jobs } = await waitingJobs(database(), { companyId: id, provider });
    return `${pathOf(id)}?done=connection&changed=${jobs}`;
  },
);

function pathOf(id: unknown): string {
  const known = companyId.safeParse(id);
  return known.success ? `/companies/${encodeURIComponent(known.data)}` : '/companies';
}

/** An exception in a schema would end the request, so what is no JSON is an issue. */
function json(given: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(given);
  } catch {
    context.addIssue({ code: 'custom', message: 'expected the form as the page sends it' });
    return z.NEVER;
  }
}
