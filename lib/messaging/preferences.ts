/** The choices that people told WhatsApp itself about marketing messages. */
import type { Executor } from '@conversure/jobqueue/postgres';

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
