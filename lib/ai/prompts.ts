/** Prompts as people keep them: every save is a version for good, and what is live is a label that is moved. */
import { createHash } from 'node:crypto';
import type { Executor } from '../../db/client.ts';
import { SYSTEM_VARIABLES, USER_VARIABLES, variablesOf } from './template.ts';

export interface PromptText {
  /** Null: for every company that has no prompt of its own. */
  readonly companyId: string | null;
  readonly key: string;
  readonly system: string;
  readonly userTemplate: string;
  /** {temperature?, maxOutputTokens?} */
  readonly config?: object;
  readonly createdBy: string;
}

/**
 * Saves a new version, and answers its number; a text that is the last version's already answers that one. Throws TemplateError for
 * a variable that there is not: it must not be found out by a customer.
 */
export async function savePrompt(database: Executor, prompt: PromptText): Promise<number> {
  const { companyId, key, system, userTemplate, config = {}, createdBy } = prompt;
  const variables = [
    ...variablesOf(system, SYSTEM_VARIABLES),
    ...variablesOf(userTemplate, [...SYSTEM_VARIABLES, ...USER_VARIABLES]),
  ];
  const checksum = createHash('sha256')
    .update(JSON.stringify([system, userTemplate, config]))
    .digest('hex');
  const [row] = await database.execute<{ version: number }>({
    text: SAVE,
    params: [
      companyId,
      key,
      system,
      userTemplate,
      JSON.stringify([...new Set(variables)]),
      JSON.stringify(config),
      checksum,
      createdBy,
    ],
  });
  return (row as NonNullable<typeof row>).version;
}

/** The prompt's row is locked by its own upsert, so two saves at once get two numbers. */
const SAVE = `
with prompt as (
  insert into prompts (company_id, key) values ($1, $2)
  on conflict (company_id, key) do update set key = excluded.key
  returning id
), last as (
  select v.version, v.checksum
  from prompt join prompt_versions v on v.prompt_id = prompt.id
  order by v.version desc
  limit 1
), saved as (
  insert into prompt_versions (prompt_id, version, system, user_template, variables, model_config, checksum, created_by)
  select prompt.id, coalesce((select version from last), 0) + 1, $3, $4,
         array(select jsonb_array_elements_text($5::jsonb)), $6::jsonb, $7, $8
  from prompt
  where not exists (select from last where checksum = $7)
  returning version
)
select version from saved
union all
select version from last where not exists (select from saved)
`;

export interface Move {
  readonly companyId: string | null;
  readonly key: string;
  readonly label: string;
  readonly version: number;
  readonly movedBy: string;
}

/** Points a label at a version, with a line of history; generations that are under way keep theirs. False: there is no such version. */
export async function moveLabel(
  database: Executor,
  { companyId, key, label, version, movedBy }: Move,
): Promise<boolean> {
  const rows = await database.execute({ text: MOVE, params: [companyId, key, label, version, movedBy] });
  return rows.length > 0;
}

const MOVE = `
with target as (
  select v.prompt_id, v.version
  from prompts p join prompt_versions v on v.prompt_id = p.id and v.version = $4::int
  where p.company_id is not distinct from $1 and p.key = $2
), before as (
  select l.version from target join prompt_labels l on l.prompt_id = target.prompt_id and l.label = $3
), moved as (
  insert into prompt_labels as l (prompt_id, label, version, moved_by)
  select prompt_id, $3, version, $5 from target
  on conflict (prompt_id, label) do update set version = excluded.version, moved_by = excluded.moved_by, moved_at = now()
  returning prompt_id, version
)
insert into prompt_label_moves (prompt_id, label, from_version, to_version, moved_by)
select prompt_id, $3, (select version from before), version, $5 from moved
returning id
`;

export interface LabelMove {
  readonly label: string;
  readonly from: number | null;
  readonly to: number;
  readonly movedBy: string;
  readonly movedAt: string;
}

/** What the labels of a prompt pointed to, the last move first; 100 at most. */
export async function labelHistory(database: Executor, companyId: string | null, key: string): Promise<LabelMove[]> {
  return database.execute<LabelMove>({
    text: `
      select m.label, m.from_version as "from", m.to_version as "to", m.moved_by as "movedBy", to_json(m.moved_at) as "movedAt"
      from prompt_label_moves m join prompts p on p.id = m.prompt_id
      where p.company_id is not distinct from $1 and p.key = $2
      order by m.id desc
      limit 100`,
    params: [companyId, key],
  });
}
