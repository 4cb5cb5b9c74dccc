/** Second: the leads in the CRM. Nobody asks for it: the import's slices did, in the statements that committed them. */
import type { Executor } from '@conversure/jobqueue/postgres';
import { COMPANY } from '../company.ts';
import { share, type WatchOptions, watch } from '../progress.ts';

export interface Synced {
  /** Leads that the company has, and those of which the portal has the version that they have now. */
  readonly leads: number;
  readonly synced: number;
  readonly refused: number;
}

export async function syncLeads(database: Executor, options: WatchOptions): Promise<Synced> {
  options.print('CRM       crm_sync, 25 leads a request, 2 requests a second');
  const look = async () => {
    const links = await readLinks(database);
    const { leads, synced, refused } = links;
    const says = `${synced} of ${leads} leads in the CRM${refused > 0 ? `, ${refused} refused` : ''}`;
    return { ...links, done: share(synced + refused, leads), says, isOver: synced + refused === leads };
  };
  return watch(look, options);
}

export async function readLinks(database: Executor): Promise<Synced> {
  const [row] = await database.execute<{ leads: number; synced: number; refused: number }>({
    text: `
      select count(*)::int as leads,
             count(*) filter (where k.synced_version >= l.version and k.refusal is null)::int as synced,
             count(*) filter (where k.synced_version >= l.version and k.refusal is not null)::int as refused
      from leads l
      left join crm_links k on k.company_id = l.company_id and k.lead_id = l.id
      where l.company_id = $1`,
    params: [COMPANY],
  });
  return row as NonNullable<typeof row>;
}
