/** What people told WhatsApp itself about marketing messages. */
import type { Executor } from '../../db/client.ts';

/** «stop» is an opt-out from marketing, «resume» and «signup» take it back; what the person wrote to us themselves stands. */
export async function applyPreference(
  database: Executor,
  { companyId, phone, stops }: { companyId: string; phone: string; stops: boolean },
): Promise<void> {
  await database.execute(
    stops
      ? {
          text: `
            insert into opt_outs as o (company_id, phone_e164, scope, source, reason)
            values ($1, $2, 'marketing', 'user_preferences', 'stop')
            on conflict (company_id, phone_e164, scope) do update
            set lifted_at = null, opted_out_at = now(), source = excluded.source, reason = excluded.reason
            where o.lifted_at is not null`,
          params: [companyId, phone],
        }
      : {
          text: `
            update opt_outs set lifted_at = now()
            where company_id = $1 and phone_e164 = $2 and scope = 'marketing' and lifted_at is null`,
          params: [companyId, phone],
        },
  );
}
