/** Money: the most that a call can cost is taken before it goes out, and what it did not cost is given back after it. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { AiAccount, Answer, Usage } from '../../providers/ai.ts';

export type Purpose = 'reply' | 'repair' | 'shrink' | 'longer' | 'judge';

export interface Wanted {
  readonly companyId: string;
  readonly generationId: string;
  readonly account: AiAccount;
  readonly purpose: Purpose;
  /** At most so many. A token is at least one byte of UTF-8 in the tokenizers of all these vendors, so bytes are a bound. */
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export type Reserved =
  | { readonly kind: 'reserved'; readonly callId: string }
  | { readonly kind: 'over'; readonly reason: 'daily_messages' | 'daily_budget' | 'monthly_budget' }
  /** The company has a budget, and nobody knows what this model costs. */
  | { readonly kind: 'unpriced' };

/**
 * One conditional update of the company's one row, with the call's row beside it: whoever else reserves waits for it and reads
 * what it left, so that the sum of what was spent and what may yet be spent never exceeds the budget. Days and months are the
 * company's own.
 */
export async function reserve(database: Executor, wanted: Wanted): Promise<Reserved> {
  const { companyId, generationId, account, purpose, inputTokens, outputTokens } = wanted;
  const { provider, model } = account;
  const [row] = await database.execute<{ call_id: string | null; unpriced: boolean; reason: string }>({
    text: RESERVE,
    params: [companyId, generationId, provider, model, purpose, inputTokens, outputTokens],
  });
  if (row === undefined) return { kind: 'over', reason: 'daily_budget' }; // the settings went: nothing is allowed
  if (row.call_id !== null) return { kind: 'reserved', callId: row.call_id };
  if (row.unpriced) return { kind: 'unpriced' };
  return { kind: 'over', reason: row.reason as Extract<Reserved, { kind: 'over' }>['reason'] };
}

const RESERVE = `
with price as (
  select * from model_prices
  where provider = $3 and model = $4 and effective_at <= now()
  order by effective_at desc
  limit 1
), wanted as (
  select s.company_id,
         (now() at time zone coalesce(cs.time_zone, 'Asia/Dubai'))::date as day,
         date_trunc('month', now() at time zone coalesce(cs.time_zone, 'Asia/Dubai'))::date as month,
         coalesce(s.daily_budget_usd, 'infinity') as day_limit,
         coalesce(s.monthly_budget_usd, 'infinity') as month_limit,
         s.max_messages_per_day as generations_limit,
         case when exists (select from generation_calls c where c.generation_id = $2::bigint) then 0 else 1 end as first,
         p.input_usd_per_million, p.cached_input_usd_per_million, p.output_usd_per_million,
         ($6::int * p.input_usd_per_million + $7::int * p.output_usd_per_million) / 1000000 as usd,
         p.model is null and num_nonnulls(s.daily_budget_usd, s.monthly_budget_usd) > 0 as unpriced
  from ai_settings s
  left join company_settings cs on cs.company_id = s.company_id
  left join price p on true
  where s.company_id = $1
), reserved as (
  insert into ai_spend as spend (company_id, day, day_usd, day_generations, month, month_usd)
  select company_id, day, coalesce(usd, 0), first, month, coalesce(usd, 0)
  from wanted
  where not unpriced and coalesce(usd, 0) <= least(day_limit, month_limit) and first <= generations_limit
  on conflict (company_id) do update
  set day             = greatest(spend.day, excluded.day),
      day_usd         = excluded.day_usd + case when spend.day >= excluded.day then spend.day_usd else 0 end,
      day_generations = excluded.day_generations + case when spend.day >= excluded.day then spend.day_generations else 0 end,
      month           = greatest(spend.month, excluded.month),
      month_usd       = excluded.month_usd + case when spend.month >= excluded.month then spend.month_usd else 0 end
  where excluded.day_usd + case when spend.day >= excluded.day then spend.day_usd else 0 end
          <= (select day_limit from wanted)
    and excluded.month_usd + case when spend.month >= excluded.month then spend.month_usd else 0 end
          <= (select month_limit from wanted)
    and (excluded.day_generations = 0
         or case when spend.day >= excluded.day then spend.day_generations else 0 end < (select generations_limit from wanted))
  returning day
), call as (
  insert into generation_calls (generation_id, company_id, purpose, provider, model, day, reserved_usd,
    input_usd_per_million, cached_input_usd_per_million, output_usd_per_million)
  select $2::bigint, $1, $5, $3, $4, reserved.day, coalesce(usd, 0),
         input_usd_per_million, cached_input_usd_per_million, output_usd_per_million
  from reserved, wanted
  returning id
)
select (select id from call) as call_id, unpriced,
       case
         when first > 0 and generations_limit <= coalesce((select day_generations from ai_spend s
           where s.company_id = $1 and s.day >= wanted.day), 0) then 'daily_messages'
         when usd + coalesce((select month_usd from ai_spend s where s.company_id = $1 and s.month >= wanted.month), 0)
           > month_limit then 'monthly_budget'
         when usd + coalesce((select day_usd from ai_spend s where s.company_id = $1 and s.day >= wanted.day), 0)
           > day_limit then 'daily_budget'
         -- overtaken between this look and the write: by whatever there is a limit of
         when day_limit < 'infinity' then 'daily_budget'
         when month_limit < 'infinity' then 'monthly_budget'
         else 'daily_messages' end as reason
from wanted
`;

/** The certain cost of a call: its usage; nothing if it was refused or never left; its whole reservation if the outcome is unknown. */
type Cost =
  | { readonly by: 'usage'; readonly usage: Usage }
  | { readonly by: 'nothing' }
  | { readonly by: 'reservation' };

function costOf(answer: Answer<unknown>): Cost {
  if (answer.usage !== null) return { by: 'usage', usage: answer.usage };
  switch (answer.kind) {
    case 'throttled':
    case 'quota':
    case 'config':
    case 'unsupported':
    case 'too_long':
    case 'refused':
      return { by: 'nothing' };
    case 'transient':
      return answer.unbilled ? { by: 'nothing' } : { by: 'reservation' };
    case 'ok':
    case 'blocked':
    case 'unparsable':
    case 'truncated':
      return { by: 'reservation' };
  }
}

/** Ends a call whatever became of it. `null`: it was cut off, and nobody knows. A call that was ended already stays so. */
export async function endCall(database: Executor, callId: string, answer: Answer<unknown> | null): Promise<void> {
  const cost = answer === null ? ({ by: 'reservation' } as const) : costOf(answer);
  const usage = answer?.usage ?? null;
  const said = answer === null || answer.kind === 'ok' ? null : answer;
  await database.execute({
    text: END_CALL,
    params: [
      callId,
      answer?.kind ?? 'unknown',
      cost.by,
      usage?.inputTokens ?? null,
      usage?.cachedInputTokens ?? null,
      usage?.outputTokens ?? null,
      answer?.snapshot ?? null,
      answer?.finishReason ?? null,
      said?.code ?? null,
      said?.message ?? null,
    ],
  });
}

const END_CALL = `
with ended as (
  update generation_calls c
  set ended_at = now(), outcome = $2, input_tokens = $4::int, cached_input_tokens = $5::int, output_tokens = $6::int,
      model_snapshot = $7, finish_reason = $8, error_code = $9, error = $10, cost_by = $3,
      cost_usd = case $3
        when 'nothing' then 0
        when 'usage' then coalesce((($4::int - $5::int) * c.input_usd_per_million + $5::int * c.cached_input_usd_per_million
          + $6::int * c.output_usd_per_million) / 1000000, 0)
        else c.reserved_usd end
  where c.id = $1::bigint and c.ended_at is null
  returning c.company_id, c.day, c.reserved_usd - c.cost_usd as unspent
)
update ai_spend s
set day_usd   = s.day_usd - case when s.day = ended.day then ended.unspent else 0 end,
    month_usd = s.month_usd - case when s.month = date_trunc('month', ended.day) then ended.unspent else 0 end
from ended
where s.company_id = ended.company_id
`;
