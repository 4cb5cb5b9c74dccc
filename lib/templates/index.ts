/** Composition: templates on this deployment's database, as pages and endpoints read them. */
import { database } from '../../db/client.ts';
import { listTemplates, type TemplatesPage, type TemplateView, templatesPage } from './list.ts';

export type { TemplatesPage, TemplateView } from './list.ts';
export { keyOf, kindOf, type Parameter } from './parameter.ts';

export const templates = {
  list: (of: { companyId: string; approvedOnly?: boolean }): Promise<TemplateView[]> => listTemplates(database(), of),
  page: (of: { companyId?: string | undefined; after?: string | undefined }): Promise<TemplatesPage> =>
    templatesPage(database(), of),
};
