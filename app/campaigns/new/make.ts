/** Looks at a campaign that was filled in, and makes it: sent twice it is made once. */
'use server';

import { database } from '@conversure/jobqueue/postgres';
import { address } from '@conversure/jobqueue-console/ui';
import { z } from 'zod';
import { campaigns } from '@/lib/campaigns';
import { peopleOf } from '@/lib/campaigns/people-file';
import type { Person } from '@/lib/campaigns/request';
import { companies } from '@/lib/companies';
import { EDGE_LIMITS } from '@/lib/config';
import { companyId, text } from '@/lib/fields';
import { HttpError } from '@/lib/http/errors';
import { dropKeptForm, keepForm, readKeptForm } from '@/lib/kept-forms';
import type { Country } from '@/lib/phone';
import { queue } from '@/lib/queue';
import { action, typedIn } from '../../action';
import { choiceOf, filledIn, PAGE, peopleIn, usableTemplates } from './query';

const form = z.object({ company: companyId, template: z.string().max(600), list: z.string().default('') }).loose();

/** The address of the form, with the chosen company and template. */
function page(sent: FormData): string {
  return address(PAGE, { company: String(sent.get('company') ?? ''), template: String(sent.get('template') ?? '') });
}

/** Keeps what was typed and the people of its file, right or wrong: the page shows the mistakes, or the preview. */
export const lookAtCampaign = action({ page, input: form, keeps: { secrets: [] } }, async (sent, { actor }) => {
  const { company, template: named, list } = sent;
  const template = (await usableTemplates(company)).find((one) => choiceOf(one) === named);
  if (template === undefined) throw new HttpError(400, 'template_unusable', 'This template cannot be sent any more.');
  const { people, fileName, leftOut, issues: fileIssues } = await listOf(sent.file, list, company);
  const fields = { ...textsOf(sent), ...(fileName !== null && { fileName, leftOut: String(leftOut) }) };
  const filled = await filledIn(fields, template, people);
  const issues = [
    ...fileIssues,
    ...('issues' in filled ? filled.issues.filter(({ path }) => fileIssues.length === 0 || path !== 'file') : []),
  ];
  const wrong = issues.length > 0 ? { code: 'campaign_invalid', message: WRONG, issues } : await refusalOf(filled);
  const kept = await keepForm(database(), {
    page: PAGE,
    keptBy: actor,
    fields,
    refusal: wrong,
    ...(people !== null && { people }),
  });
  return `${address(PAGE, { company, template: named, kept })}${wrong === null ? '#preview' : ''}`;
});

const WRONG = 'Some fields are invalid. Your input is kept below.';

/** The reason for which making it would be refused. */
async function refusalOf(filled: Awaited<ReturnType<typeof filledIn>>) {
  if ('issues' in filled) return null;
  try {
    await campaigns.check(filled.campaign);
    return null;
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    const issues = error.issues.map(({ path, message }) => ({ path: path.replace(/^parameters\./, 'text-'), message }));
    return { code: error.code, message: error.message, issues };
  }
}

function textsOf(sent: z.output<typeof form>): Record<string, string> {
  const data = new FormData();
  for (const [name, value] of Object.entries(sent)) if (typeof value === 'string') data.set(name, value);
  return typedIn(data);
}

interface Listed {
  readonly people: readonly Person[] | null;
  readonly fileName: string | null;
  readonly leftOut: number;
  readonly issues: readonly { readonly path: string; readonly message: string }[];
}

/**
 * Reads the list from the new file, else from the one that was kept. A field without a file sends an empty one, whose name
 * depends on the browser.
 */
async function listOf(file: unknown, kept: string, company: string): Promise<Listed> {
  if (!(file instanceof File) || file.size === 0)
    return { people: kept === '' ? null : await peopleIn(kept), fileName: null, leftOut: 0, issues: [] };
  if (file.size > EDGE_LIMITS.uploadBytes) return refusedFile('expected a file of at most 4 MB');
  const country = (await companies.read(company))?.sections.company.values.country;
  try {
    const { people, leftOut } = await peopleOf(
      new Uint8Array(await file.arrayBuffer()),
      String(country ?? 'AE') as Country,
    );
    return { people, fileName: file.name.slice(0, 200), leftOut, issues: [] };
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return { people: null, fileName: null, leftOut: 0, issues: error.issues };
  }
}

function refusedFile(message: string): Listed {
  return { people: null, fileName: null, leftOut: 0, issues: [{ path: 'file', message }] };
}

const start = z.object({
  kept: z.uuid(),
  start: z.enum(['now', 'later']),
  reason: text(200).trim().min(1, 'expected a reason for the audit log'),
});

/** The id of the kept form becomes the campaign's: whoever presses twice, or comes back and presses again, makes no second one. */
export const makeCampaign = action(
  { page: (sent) => address(PAGE, { kept: String(sent.get('kept') ?? '') }), input: start },
  async ({ kept: id, start: when, reason }, { actor }) => {
    if ((await campaigns.read(id)) !== null) return `/campaigns/${id}`;
    const kept = await readKeptForm(database(), PAGE, id);
    const { company = '', template: named = '' } = kept?.fields ?? {};
    const template = (await usableTemplates(company)).find((one) => choiceOf(one) === named);
    if (kept === null || kept.refusal !== null || template === undefined)
      throw new HttpError(409, 'preview_gone', 'Expected a preview of today.');
    const filled = await filledIn(kept.fields, template, await peopleIn(id));
    if ('issues' in filled) throw new HttpError(409, 'preview_gone', 'Expected a preview that still holds.');
    const { campaign } = filled;
    const { companyId: owner, name, audience } = campaign;
    const details = {
      campaignId: id,
      companyId: owner,
      name,
      template: named,
      audience: audience.kind,
      start: when,
      reason,
    };
    await queue.audit({ actor, action: 'campaign_create', details });
    await campaigns.create({ ...campaign, id, draft: when === 'later' });
    await dropKeptForm(database(), id);
    queue.kick(); // somebody waits in front of the page
    return `/campaigns/${id}?done=${when === 'later' ? 'campaign_draft' : 'campaign_made'}`;
  },
);
