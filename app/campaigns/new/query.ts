/** Shared by the page of a new campaign and its actions: the address, the chosen template, and the form made into a campaign. */

import { database } from '@conversure/jobqueue/postgres';
import { instantIn, viewerZone } from '@conversure/jobqueue-console/ui';
import { campaignOf, type Fields, type Filled } from '@/lib/campaigns/form';
import type { Person } from '@/lib/campaigns/request';
import { readKeptPeople } from '@/lib/kept-forms';
import { type TemplateView, templates } from '@/lib/templates';

export const PAGE = '/campaigns/new';

/** Those that a campaign of the company can send. One that waits for Meta may be chosen: the campaign pauses for it. */
export async function usableTemplates(companyId: string): Promise<readonly TemplateView[]> {
  const all = await templates.list({ companyId });
  return all.filter(
    ({ status, unsupported }) => (status === 'APPROVED' || status === 'PENDING') && unsupported === null,
  );
}

export const choiceOf = ({ name, language }: Pick<TemplateView, 'name' | 'language'>): string => `${name}/${language}`;

/** The list that a form of this page came with. */
export async function peopleIn(kept: string): Promise<readonly Person[] | null> {
  return (await readKeptPeople(database(), PAGE, kept)) as readonly Person[] | null; // written by us, from the same schema
}

/** The form as a campaign, or what is wrong with it; times are of the viewer's zone. */
export async function filledIn(
  fields: Fields,
  template: TemplateView,
  people: readonly Person[] | null,
): Promise<Filled> {
  const zone = await viewerZone();
  const { parameters, category } = template;
  return campaignOf(fields, {
    parameters,
    category,
    people,
    instantOf: (typed) => (typed === '' ? undefined : instantIn(typed, zone)),
    now: new Date(),
  });
}
