/** Composition: templates on this deployment's database, as pages and endpoints read them. */
import { database } from '@conversure/jobqueue/postgres';
import { newestAccountEvents, type StoredAccountEvent } from '../messaging/account-log.ts';
import { whatsAppEnvironment } from '../providers/whatsapp/environment.ts';
import { queue } from '../queue/index.ts';
import { type AccountView, listAccounts } from './accounts.ts';
import { listTemplates, type TemplatesPage, type TemplateView, templatesPage } from './list.ts';

export type { StoredAccountEvent as AccountEventView } from '../messaging/account-log.ts';
export type { AccountView } from './accounts.ts';
export type { TemplatesPage, TemplateView } from './list.ts';
export { keyOf, kindOf, type Parameter } from './parameter.ts';

/** Asked twice within it, it is asked once. */
const SAME_MS = 10_000;

export const templates = {
  list: (of: { companyId: string; approvedOnly?: boolean }): Promise<TemplateView[]> => listTemplates(database(), of),
  page: (of: { companyId?: string | undefined; after?: string | undefined }): Promise<TemplatesPage> =>
    templatesPage(database(), of),
  /** The last result of reading each account. */
  accounts: (companyId?: string): Promise<AccountView[]> =>
    listAccounts(database(), { own: whatsAppEnvironment().accountId, companyId }),
  /** Meta's events about accounts and numbers, newest first. */
  events: (companyId?: string): Promise<StoredAccountEvent[]> => newestAccountEvents(database(), companyId),
  /** Has the company's account read from Meta by a job; answers before it is. */
  async sync(companyId: string): Promise<void> {
    const idempotencyKey = `templates:${companyId}:${Math.floor(Date.now() / SAME_MS)}`;
    await queue.addJob('template_sync', { companyId }, { idempotencyKey });
  },
};
