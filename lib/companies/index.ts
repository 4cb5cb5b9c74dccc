/** Composition: companies and their settings on this deployment's database, each change with its line in the audit log. */
import { database } from '@conversure/jobqueue/postgres';
import { queue } from '../queue/index.ts';
import { templates } from '../templates/index.ts';
import { createCompany } from './create.ts';
import { companiesPage, readCompany } from './read.ts';
import type { NewCompany } from './request.ts';
import { type Change, prepareChange, saveChange } from './save.ts';

export type { CompanySummary, CompanyView, ConnectionView, SectionView } from './read.ts';

/** With one of them changed, Meta may list other templates, or list them at all. */
const OF_TEMPLATES: readonly string[] = ['accountId', 'phoneNumberId', 'accessToken'];

interface By {
  readonly actor: string;
  readonly reason: string;
}

export const companies = {
  page: (of: Parameters<typeof companiesPage>[1]) => companiesPage(database(), of),
  read: (id: string) => readCompany(database(), id),
  /** Throws 409 if the id is taken. */
  async create(company: NewCompany, { actor, reason }: By): Promise<void> {
    await queue.audit({ actor, action: 'company.create', details: { ...company, reason } });
    await createCompany(database(), company);
  },
  /** Throws what `prepareChange` and `saveChange` do. Answers the names of what changed. */
  async change(change: Change, { actor, reason }: By): Promise<readonly string[]> {
    const prepared = await prepareChange(database(), change);
    const { companyId, section, changes, secrets } = prepared;
    const changed = [...Object.keys(changes), ...Object.keys(secrets)];
    if (changed.length === 0) return [];
    await queue.audit({ actor, action: 'company.settings', details: { companyId, section, changes, secrets, reason } });
    await saveChange(database(), prepared, actor);
    const readsTemplates = section === 'messaging' && changed.some((name) => OF_TEMPLATES.includes(name));
    if (readsTemplates && prepared.after.accountId) await templates.sync(companyId);
    return changed;
  },
};
