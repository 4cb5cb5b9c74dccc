/** A message of WhatsApp about a person who wrote nothing: it is noted in the conversation, and opens no window. */
import type { Executor } from '@conversure/jobqueue/postgres';
import type { Incoming } from '../providers/whatsapp/incoming.ts';
import type { Person } from '../providers/whatsapp/person.ts';

type Note = Extract<Incoming, { kind: 'noted' }>;

/** Answers whether it was new. Opt-outs follow the person to the new number or id. */
export async function noteOnPerson(
  database: Executor,
  companyId: string,
  { wamid, atMs, type, was, is }: Note,
  phoneOfUser: ReadonlyMap<string, string>,
): Promise<boolean> {
  const phone = was.phone ?? phoneOfUser.get(was.userId ?? '') ?? null;
  const rows = await database.execute({
    text: NOTE,
    params: [companyId, phone, was.userId, wamid, atMs, type, wordsOf(was, is), is.phone, is.userId, was !== is],
  });
  return rows.length > 0;
}

function wordsOf(was: Person, is: Person): string {
  if (was === is)
    return 'WhatsApp says that the person has a new device, or that the number belongs to somebody else now.';
  const names = ({ phone, userId }: Person) => [phone, userId].filter((name) => name !== null).join(', ');
  return `The person is ${names(is)} now, and was ${names(was)}.`;
}

const NOTE = `
with by_number as (
  insert into conversations as c (company_id, phone_e164, whatsapp_user_id, lead_id)
  select $1, $2, $3::text, (select id from leads where company_id = $1 and phone_e164 = $2)
  where $2::text is not null
  on conflict (company_id, phone_e164) do update set whatsapp_user_id = coalesce(c.whatsapp_user_id, excluded.whatsapp_user_id)
  returning id
), by_user as (
  insert into conversations as c (company_id, whatsapp_user_id)
  select $1, $3
  where $2::text is null
  on conflict (company_id, whatsapp_user_id) where phone_e164 is null do update set whatsapp_user_id = excluded.whatsapp_user_id
  returning id
), note as (
  insert into messages (company_id, conversation_id, direction, author, kind, body, wamid, status, occurred_at)
  select $1, id, 'inbound', 'system', $6, $7, $4, 'received', least(to_timestamp($5::float8 / 1000), now())
  from (select id from by_number union all select id from by_user) conversation
  on conflict (company_id, wamid) where wamid is not null do nothing
  returning id
)
select note.id, case when $10::boolean then follow_person($1, $2, $3, $8::text, $9::text) end as followed
from note
`;
