/** A translation that Meta refuses as a whole: it is not used again until Meta says otherwise, and the campaign goes on without it. */
import type { Executor } from '@conversure/jobqueue/postgres';

const STATUSES: Readonly<Record<number, string>> = {
  132001: 'DELETED',
  132007: 'REJECTED',
  132015: 'PAUSED',
  132016: 'DISABLED',
};

/** `codes`: Meta's refusal by language. Whoever speaks one of them is written to in the campaign's own language from the next claim on. */
export async function dropTranslations(
  database: Executor,
  campaignId: string,
  codes: ReadonlyMap<string, number>,
): Promise<void> {
  for (const [language, code] of codes) // some few languages a template
    await database.execute({
      text: `
        update templates t
        set status = $3, status_reason = 'refused with ' || $4::text, updated_at = now()
        from campaigns c join templates own on own.id = c.template_id
        where c.id = $1 and t.company_id = c.company_id and t.name = own.name and t.language = $2 and t.id <> own.id
          and t.status = 'APPROVED'`,
      params: [campaignId, language, STATUSES[code] ?? 'DISABLED', String(code)],
    });
}
