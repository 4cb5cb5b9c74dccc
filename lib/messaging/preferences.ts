/** What people told WhatsApp itself about marketing messages, and what became of templates. */
import type { Executor } from '../../db/client.ts';

/** «stop» is an opt-out from marketing, «resume» and «signup» take it back; what the person wrote to us themselves stands. */
export async function applyPreference(
  database: Executor,
  {
    companyId,
    phone,
    userId,
    stops,
  }: { companyId: string; phone: string | null; userId: string | null; stops: boolean },
): Promise<void> {
  await database.execute(
    stops
      ? {
          text: "select opt_out($1, $2, $3, 'marketing', 'user_preferences', 'stop')",
          params: [companyId, phone, userId],
        }
      : {
          text: `
            update opt_outs set lifted_at = now()
            where company_id = $1 and (phone_e164 = $2 or whatsapp_user_id = $3) and scope = 'marketing' and lifted_at is null`,
          params: [companyId, phone, userId],
        },
  );
}

const STATUSES: Readonly<Record<string, string>> = {
  APPROVED: 'APPROVED',
  REINSTATED: 'APPROVED',
  REJECTED: 'REJECTED',
  PAUSED: 'PAUSED',
  DISABLED: 'DISABLED',
  PENDING: 'PENDING',
  PENDING_DELETION: 'DISABLED',
  DELETED: 'DISABLED',
  FLAGGED: 'APPROVED', // it may still be sent
};

/** Answers whether such a template is known. An event that nobody knows leaves it as it is. */
export async function applyTemplateStatus(
  database: Executor,
  change: { companyId: string; name: string; language: string; event: string; reason: string | null },
): Promise<boolean> {
  const status = STATUSES[change.event.toUpperCase()];
  if (status === undefined) return false;
  const rows = await database.execute({
    text: `
      update templates set status = $4, status_reason = $5, updated_at = now()
      where company_id = $1 and name = $2 and language = $3
      returning 1`,
    params: [change.companyId, change.name, change.language, status, change.reason?.slice(0, 500) ?? null],
  });
  return rows.length > 0;
}
