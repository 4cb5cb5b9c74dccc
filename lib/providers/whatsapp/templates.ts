/** One page of an account's templates, as Meta lists them. */
import { z } from 'zod';
import { Component } from '../../templates/components.ts';
import { call, errorOf, type WhatsAppAccount, type WhatsAppError } from './send.ts';

/** Read leniently: what Meta adds later must not hide a template that is read today. */
export const ListedTemplate = z.object({
  name: z.string(),
  language: z.string(),
  status: z.string(),
  category: z.string(),
  components: z.array(Component).max(100).catch([]),
  /** Accounts from before there were names do not have it. */
  parameter_format: z.string().optional().catch(undefined),
  quality_score: z.object({ score: z.string() }).optional().catch(undefined),
  rejected_reason: z.string().nullish().catch(null),
});
export type ListedTemplate = z.output<typeof ListedTemplate>;

const Page = z.object({
  data: z.array(z.unknown()),
  paging: z
    .object({ cursors: z.object({ after: z.string().max(2_000).optional() }).optional(), next: z.string().optional() })
    .optional(),
});

const FIELDS = 'name,language,status,category,components,parameter_format,quality_score,rejected_reason';
/** Some 200 KB of JSON; Meta refuses larger pages of long templates. */
const PAGE = 100;

export type TemplatesPage =
  | {
      readonly kind: 'page';
      readonly templates: readonly ListedTemplate[];
      /** Entries that are no templates as Meta documents them. */
      readonly unreadable: number;
      /** The cursor of the next page; null: this is the last. */
      readonly after: string | null;
    }
  | { readonly kind: 'refused'; readonly error: WhatsAppError }
  | { readonly kind: 'unanswered'; readonly error: Error };

/** Never throws for what came of the call. `next` of Meta's answer is an address with the token in it: the cursor alone is used. */
export async function readTemplatesPage(
  account: WhatsAppAccount,
  { accountId, after, signal }: { accountId: string; after: string | null; signal: AbortSignal },
): Promise<TemplatesPage> {
  const query = new URLSearchParams({ fields: FIELDS, limit: String(PAGE), ...(after !== null && { after }) });
  const path = `${encodeURIComponent(accountId)}/message_templates?${query}`;
  const answer = await call(account, path, { method: 'GET', signal });
  if (answer.kind !== 'answered') return { kind: 'unanswered', error: answer.error };
  const page = answer.status === 200 ? Page.safeParse(answer.json) : null;
  if (page?.success) {
    const read = page.data.data.map((one) => ListedTemplate.safeParse(one));
    const { cursors, next } = page.data.paging ?? {};
    return {
      kind: 'page',
      templates: read.flatMap((one) => (one.success ? [one.data] : [])),
      unreadable: read.filter(({ success }) => !success).length,
      after: next === undefined ? null : (cursors?.after ?? null),
    };
  }
  const error = errorOf(answer.status, answer.json, answer.retryAfterMs);
  return error === null
    ? { kind: 'unanswered', error: new Error(`WhatsApp answered ${answer.status} with a body that is no answer`) }
    : { kind: 'refused', error };
}
