/** The SQL that turns rows into leads, and the same taken back at once: dry runs and previews meet what the real run would meet. */
import { differs, merged, mergedParts } from './merge.ts';

interface Places {
  /** SQL of the import that new leads are noted with. */
  readonly importId: string;
  /** The numbers of two parameters: the mode, and the first rule of `ruleValues`. */
  readonly mode: number;
  readonly firstRule: number;
}

/**
 * Two common table expressions behind `input`, which has the fields of a lead, company_id, row and first_row: `known`, and `written` with
 * company_id, id, version, phone_e164 and created.
 *
 * Leads are written in the order of their numbers, so that two imports of one company never wait for each other. Where only known
 * leads may change they are locked first: none can vanish in between and be created anew. A lead that would not change is not
 * written.
 */
export function writeLeads({ importId, mode, firstRule }: Places): string {
  return `known as (
  select l.phone_e164
  from leads l
  join input i on i.company_id = l.company_id and i.phone = l.phone_e164 and i.row = i.first_row
  where $${mode} = 'update_only'
  order by l.phone_e164
  for update of l
), written as (
  insert into leads as l (company_id, phone_e164, name, given_name, family_name, email, source, organisation, notes, tags, import_id)
  select company_id, phone, name, given_name, family_name, email, source, organisation, notes, tags, ${importId}
  from input
  where row = first_row and $${mode} <> 'opt_out' and ($${mode} <> 'update_only' or phone in (select phone_e164 from known))
  order by phone
  on conflict (company_id, phone_e164) do update
  set ${merged('l', 'excluded', firstRule)
    .map(([column, sql]) => `${column} = ${sql}`)
    .concat(mergedParts('l', 'excluded', firstRule))
    .join(',\n      ')},
      updated_at = now()
  where $${mode} <> 'create_only' and ${differs('l', 'excluded', firstRule)}
  returning company_id, id, version, phone_e164, xmax = 0 as created
)`;
}

/** `statement`, which ends with `written`, as `rehearse` takes it: it answers [{phone, created}]. */
export function rehearsal(statement: string): string {
  const reading = statement.replace(/\$(\d+)/g, (_, n) => `($1->>${Number(n) - 1})`);
  return `${reading} select jsonb_agg(jsonb_build_object('phone', phone_e164, 'created', created)) from written`;
}
