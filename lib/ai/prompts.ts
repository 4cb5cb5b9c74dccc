/** Prompts as people keep them: every save is a version for good, and what is live is a label that is moved. */
import { createHash } from 'node:crypto';
import type { Executor } from '@conversure/jobqueue/postgres';
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
  const params = [
    companyId,
    key,
    system,
    userTemplate,
    JSON.stringify([...new Set(variables)]),
    JSON.stringify(config),
    checksum,
    createdBy,
  ];
  for (let turn = 0; turn < SAVES_AT_ONCE; turn++) {
    const [row] = await database.execute<{ version: number }>({ text: SAVE, params });
    if (row) return row.version;
  }
  throw new Error(`the prompt '${key}' was saved by ${SAVES_AT_ONCE} others at the same time`);
}

/** Each turn that is lost is somebody else's version; people save by hand. */
const SAVES_AT_ONCE = 20;

/** The upsert makes saves of one prompt wait for each other, but who waited still sees the last version of before: no row, once more. */
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
  on conflict (prompt_id, version) do nothing
  returning version
)
select version from saved
union all
select version from last where checksum = $7
`;

export interface Move {
  readonly companyId: string | null;
  readonly key: string;
  readonly label: string;
  readonly version: number;
  readonly movedBy: string;
}

/**
 * Points a label at a version, with a line of history if that is another one; generations that are under way keep theirs. False:
 * there is no such version.
 */
export async function moveLabel(
  database: Executor,
  { companyId, key, label, version, movedBy }: Move,
): Promise<boolean> {
  const rows = await database.execute({ text: MOVE, params: [companyId, key, label, version, movedBy] });
  return rows.length > 0;
}

/** The label's row is locked before it is read, so that of moves at once each says where it really came from. */
const MOVE = `
with target as (
  select v.prompt_id, v.version
  from prompts p join prompt_versions v on v.prompt_id = p.id and v.version = $4::int
  where p.company_id is not distinct from $1 and p.key = $2
), before as (
  select l.version from target join prompt_labels l on l.prompt_id = target.prompt_id and l.label = $3 for update of l
), moved as (
  insert into prompt_labels as l (prompt_id, label, version, moved_by)
  select prompt_id, $3, target.version, $5
  from target left join before on true
  where before.version is distinct from target.version
  on conflict (prompt_id, label) do update set version = excluded.version, moved_by = excluded.moved_by, moved_at = now()
  returning prompt_id
), noted as (
  insert into prompt_label_moves (prompt_id, label, from_version, to_version, moved_by)
  select moved.prompt_id, $3, before.version, $4::int, $5 from moved left join before on true
)
select prompt_id from target
`;

/**
 * Back to what the label pointed to before it was moved to `from`: answers that version, or null if the label does not point to
 * `from` any more, or has no version before it. So a rollback that is asked for twice is done once.
 */
export async function rollBackLabel(
  database: Executor,
  { companyId, key, label, from, movedBy }: Omit<Move, 'version'> & { readonly from: number },
): Promise<number | null> {
  const [row] = await database.execute<{ version: number }>({
    text: ROLL_BACK,
    params: [companyId, key, label, from, movedBy],
  });
  return row?.version ?? null;
}

const ROLL_BACK = `
with pointed as (
  select l.prompt_id
  from prompts p join prompt_labels l on l.prompt_id = p.id and l.label = $3 and l.version = $4::int
  where p.company_id is not distinct from $1 and p.key = $2
  for update of l
), target as (
  select m.prompt_id, m.from_version as version
  from pointed join prompt_label_moves m on m.prompt_id = pointed.prompt_id and m.label = $3 and m.to_version = $4::int
  order by m.id desc
  limit 1
), moved as (
  update prompt_labels l
  set version = target.version, moved_by = $5, moved_at = now()
  from target
  where l.prompt_id = target.prompt_id and l.label = $3 and target.version is not null
  returning l.prompt_id, l.version
)
insert into prompt_label_moves (prompt_id, label, from_version, to_version, moved_by)
select prompt_id, $3, $4::int, version, $5 from moved
returning to_version as version
`;

export interface LabelMove {
  readonly label: string;
  readonly from: number | null;
  readonly to: number;
  readonly movedBy: string;
  readonly movedAt: string;
}

/** Moves of a prompt's labels, newest first; at most 100. */
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
