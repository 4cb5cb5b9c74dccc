/** People whom Meta names by number, by business-scoped user id, or by both: what is said under one holds for the other. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { type Inbound, storeInbound } from '../../lib/messaging/inbound.ts';
import { settleMessage } from '../../lib/messaging/message-send/outbox.ts';
import { noteOnPerson } from '../../lib/messaging/notes.ts';
import { applyPreference } from '../../lib/messaging/preferences.ts';
import { describeEachDriver } from '../support/drivers.ts';
import { emptied } from '../support/empty.ts';

const PHONE = '+971501111111';
const USER = 'AE.13491208655302741918';
const PERSON = { phone: null, userId: USER, username: null };

describeEachDriver('people', (setup) => {
  const sql = (text: string, ...params: unknown[]) => setup.database.execute<Record<string, unknown>>({ text, params });
  const learn = (...people: object[]) => sql("select learn_whatsapp_users('acme', $1::jsonb)", JSON.stringify(people));
  const optOut = (phone: string | null, user: string | null, scope = 'all') =>
    sql("select opt_out('acme', $1, $2, $3, 'keyword', 'STOP') as is_new", phone, user, scope);
  const refuses = async (phone: string | null, user: string | null, scope = 'all') =>
    (await sql("select has_opted_out('acme', $1, $2, $3) as it", phone, user, scope))[0]?.it;
  const write = (wamid: string, more: Partial<Inbound> = {}) =>
    storeInbound(setup.database, {
      companyId: 'acme',
      phone: null,
      userId: USER,
      wamid,
      atMs: Date.now(),
      kind: 'text',
      text: 'hi',
      replyTo: null,
      isOptOut: false,
      isOptIn: false,
      wantsReply: true,
      ...more,
    });

  beforeAll(() => sql("insert into companies (id, name) values ('acme', 'Acme')"));
  afterEach(() => sql(emptied('conversations', 'opt_outs', 'whatsapp_users', 'delivery_attempts', 'leads')));

  test('a message of somebody with an id alone is stored once, and its STOP and START are kept by the id', async () => {
    expect(await write('wamid.1')).toBe(true);
    expect(await write('wamid.1')).toBe(false);
    expect(await write('wamid.2', { text: 'STOP', isOptOut: true })).toBe(true);
    expect(await refuses(null, USER)).toBe(true);
    await write('wamid.3', { text: 'START', isOptIn: true });
    expect(await refuses(null, USER)).toBe(false);
    expect(await sql('select phone_e164, whatsapp_user_id from conversations')).toEqual([
      { phone_e164: null, whatsapp_user_id: USER },
    ]);
  });

  test('what they told WhatsApp itself, and what Meta says when we write, is kept by the id', async () => {
    await applyPreference(setup.database, { companyId: 'acme', phone: null, userId: USER, stops: true });
    expect(await refuses(null, USER, 'marketing')).toBe(true);
    await applyPreference(setup.database, { companyId: 'acme', phone: null, userId: USER, stops: false });
    expect(await refuses(null, USER, 'marketing')).toBe(false);
    await write('wamid.1');
    const [sent] = await sql(
      `insert into messages (company_id, conversation_id, direction, author, status)
     select 'acme', id, 'outbound', 'ai', 'sending' from conversations returning id::text`,
    );
    const key = { companyId: 'acme', messageId: String(sent?.id) };
    await settleMessage(setup.database, key, { to: 'failed', outcome: 'refused', code: 131050 });
    expect(await refuses(null, USER, 'marketing')).toBe(true);
  });

  test('a note on a person is kept once, opens no window, and needs no conversation before it', async () => {
    const is = { ...PERSON, userId: 'AE.2' };
    const note = {
      kind: 'noted',
      wamid: 'wamid.n',
      atMs: Date.now(),
      type: 'user_changed_user_id',
      was: PERSON,
      is,
    } as const;
    await optOut(null, USER);
    expect(await noteOnPerson(setup.database, 'acme', note, new Map())).toBe(true);
    expect(await noteOnPerson(setup.database, 'acme', note, new Map())).toBe(false);
    expect(await sql('select last_inbound_at from conversations')).toEqual([{ last_inbound_at: null }]);
    expect(await refuses(null, 'AE.2')).toBe(true);
  });

  test('an opt-out under the id holds for the number that is linked later, and for both alone', async () => {
    expect(await optOut(null, USER)).toEqual([{ is_new: true }]);
    expect(await optOut(null, USER)).toEqual([{ is_new: false }]);
    expect([await refuses(null, USER), await refuses(PHONE, null)]).toEqual([true, false]);
    await learn({ userId: USER, phone: PHONE });
    expect([await refuses(null, USER), await refuses(PHONE, null), await refuses(PHONE, USER)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(await sql('select phone_e164, whatsapp_user_id from opt_outs')).toEqual([
      { phone_e164: PHONE, whatsapp_user_id: USER },
    ]);
  });

  test('an opt-out under an id whose number is known is under the number, whoever writes it', async () => {
    await learn({ userId: USER, phone: PHONE });
    await optOut(null, USER);
    expect(await sql('select phone_e164, whatsapp_user_id from opt_outs')).toEqual([
      { phone_e164: PHONE, whatsapp_user_id: USER },
    ]);
  });

  test('of two opt-outs of one person, the later word counts', async () => {
    await optOut(PHONE, null);
    await sql("update opt_outs set lifted_at = now() - interval '1 hour', opted_out_at = now() - interval '2 hours'");
    await optOut(null, USER);
    await learn({ userId: USER, phone: PHONE });
    expect(await refuses(PHONE, null)).toBe(true);
    expect(await sql('select from opt_outs')).toHaveLength(1);

    await sql("update opt_outs set lifted_at = now(), opted_out_at = now() - interval '2 hours'");
    const other = 'AE.2';
    await optOut(null, other);
    await sql("update opt_outs set opted_out_at = now() - interval '1 day' where whatsapp_user_id = $1", other);
    await learn({ userId: other, phone: PHONE });
    expect(await refuses(PHONE, null)).toBe(false);
  });

  test('what the company wrote down is the person’s own word once they say it', async () => {
    const write = (source: string) =>
      sql("select opt_out('acme', $1, $2, 'all', $3, $3) as is_new", PHONE, USER, source);
    const source = async () => (await sql('select source from opt_outs'))[0]?.source;
    expect([await write('import'), await write('admin'), await source()]).toEqual([
      [{ is_new: true }],
      [{ is_new: false }],
      'import',
    ]);
    expect([await write('keyword'), await source()]).toEqual([[{ is_new: true }], 'keyword']);
    expect([await write('keyword'), await write('admin'), await source()]).toEqual([
      [{ is_new: false }],
      [{ is_new: false }],
      'keyword',
    ]);
  });

  test('scopes are linked each for itself', async () => {
    await optOut(null, USER, 'marketing');
    await optOut(PHONE, null, 'all');
    await learn({ userId: USER, phone: PHONE });
    expect(await sql('select scope, phone_e164, whatsapp_user_id from opt_outs order by scope')).toEqual([
      { scope: 'all', phone_e164: PHONE, whatsapp_user_id: USER },
      { scope: 'marketing', phone_e164: PHONE, whatsapp_user_id: USER },
    ]);
  });

  test('a conversation of the id becomes that of the number and its lead, or joins the one that is there', async () => {
    await sql("insert into leads (company_id, phone_e164, name) values ('acme', $1, 'Amira')", PHONE);
    const say = (body: string, phone: string | null, user: string | null, ago: string) =>
      sql(
        `with v as (insert into conversations (company_id, phone_e164, whatsapp_user_id, last_inbound_at)
                  values ('acme', $2, $3, now() - $4::interval) returning id)
       insert into messages (company_id, conversation_id, direction, author, body, status)
       select 'acme', id, 'inbound', 'customer', $1, 'received' from v`,
        body,
        phone,
        user,
        ago,
      );
    await say('by id', null, USER, '1 hour');
    await learn({ userId: USER, phone: PHONE });
    expect(
      await sql(
        'select v.phone_e164, v.whatsapp_user_id, l.name from conversations v join leads l on l.id = v.lead_id',
      ),
    ).toEqual([{ phone_e164: PHONE, whatsapp_user_id: USER, name: 'Amira' }]);

    const other = 'AE.2';
    await say('by another id', null, other, '1 minute');
    await learn({ userId: other, phone: PHONE });
    expect(
      await sql(
        "select phone_e164, whatsapp_user_id, last_inbound_at > now() - interval '2 minutes' as open from conversations",
      ),
    ).toEqual([{ phone_e164: PHONE, whatsapp_user_id: other, open: true }]);
    expect(await sql('select body from messages order by id')).toEqual([{ body: 'by id' }, { body: 'by another id' }]);
  });

  test('who answers or receives what went to a number has that number', async () => {
    await sql(
      `with v as (insert into conversations (company_id, phone_e164) values ('acme', $1) returning id),
          m as (insert into messages (company_id, conversation_id, direction, author, status)
                select 'acme', id, 'outbound', 'ai', 'accepted' from v returning id)
     insert into delivery_attempts (opaque_id, company_id, message_id, attempt, wamid)
     select 'cvr_1', 'acme', id, 1, 'wamid.1' from m`,
      PHONE,
    );
    const known = async (person: object) =>
      (await sql("select learn_whatsapp_users('acme', $1::jsonb) as it", JSON.stringify([person])))[0]?.it;
    expect(await known({ userId: 'AE.1', wamid: 'wamid.1' })).toEqual({ 'AE.1': PHONE });
    expect(await known({ userId: 'AE.2', opaqueId: 'cvr_1' })).toEqual({ 'AE.2': PHONE });
    expect(await known({ userId: 'AE.3', wamid: 'wamid.3' })).toEqual({});
    expect(await known({ userId: 'AE.1' })).toEqual({ 'AE.1': PHONE });
  });

  test('an opt-out follows the person to a new number and a new id', async () => {
    await learn({ userId: USER, phone: PHONE });
    await optOut(PHONE, null, 'all');
    await sql("select follow_person('acme', $1, null, '+971502222222', null)", PHONE);
    await sql("select follow_person('acme', null, $1, null, 'AE.2')", USER);
    expect([await refuses('+971502222222', null), await refuses(null, 'AE.2'), await refuses(PHONE, null)]).toEqual([
      true,
      true,
      true,
    ]);
  });
});
