/** Opt-outs: they are found, can be recorded by a colleague, and are lifted only as the person asked. */
import { beforeAll, expect, test } from 'vitest';
import { HttpError } from '../../lib/http/errors.ts';
import { addOptOut, liftOptOut, personOf, readLiftable } from '../../lib/opt-outs/change.ts';
import { type OptOut, optOutsFile, optOutsPage } from '../../lib/opt-outs/list.ts';
import { type Lifting, optOutFilter } from '../../lib/opt-outs/request.ts';
import { describeEachDriver } from '../support/drivers.ts';

const NOTE = 'Called on 1 December and asked for the offers again';

describeEachDriver('opt-outs', (setup) => {
  const rows = (text: string, ...params: unknown[]) => setup.database.execute({ text, params });
  const find = (filter: object = {}, after?: string) =>
    optOutsPage(setup.database, optOutFilter.parse(filter), { after });
  const people = async (filter: object) => (await find(filter)).optOuts.map(({ phone, userId }) => phone ?? userId);
  const one = async (search: string, state = 'any'): Promise<OptOut> => {
    const [found] = (await find({ search, state })).optOuts;
    if (found === undefined) throw new Error(`nobody has ${search}`);
    return found;
  };
  const lift = async (given: Lifting) => liftOptOut(setup.database, given, await readLiftable(setup.database, given));
  const refusal = (doing: Promise<unknown>) =>
    doing.then(
      () => 'it was done',
      (error: unknown) => (error instanceof HttpError ? [error.status, error.code] : error),
    );
  const add = async (given: { companyId?: string; person: string; scope?: 'marketing' | 'all'; reason?: string }) => {
    const whole = { companyId: 'acme', scope: 'all' as const, reason: 'asked by phone', ...given };
    return addOptOut(setup.database, whole, await personOf(setup.database, whole));
  };

  beforeAll(async () => {
    await rows(
      "insert into companies (id, name, default_country) values ('acme', 'Acme', 'AE'), ('other', 'Other', 'DE')",
    );
    await rows(`
      insert into opt_outs (company_id, phone_e164, whatsapp_user_id, scope, source, reason, opted_out_at, lifted_at) values
        ('acme', '+971501234567', null, 'all', 'keyword', '=HYPERLINK("http://evil.example")', '2026-11-05T10:00Z', null),
        ('acme', '+971501234568', null, 'marketing', 'user_preferences', 'stop', '2026-11-04T10:00Z', null),
        ('acme', '+971501234569', null, 'marketing', 'delivery_error', '131050', '2026-11-03T10:00Z', '2026-11-20T10:00Z'),
        ('acme', null, 'US.13491208655302741918', 'all', 'keyword', '<script>alert(1)</script>', '2026-11-02T10:00Z', null),
        ('other', '+491711234567', null, 'all', 'admin', 'asked', '2026-11-01T10:00Z', null)`);
  });

  test.each([
    ['by company', { companyId: 'other' }, ['+491711234567']],
    ['by a part of the number, in any writing', { search: '050 123-45' }, ['+971501234567', '+971501234568']],
    ['by a number that is written with 00', { search: '00971501234567' }, ['+971501234567']],
    ['by a part of a user id', { search: 'us.1349' }, ['US.13491208655302741918']],
    ['by source', { source: 'user_preferences' }, ['+971501234568']],
    ['by what they refuse', { scope: 'marketing' }, ['+971501234568']],
    ['when they were lifted', { state: 'lifted' }, ['+971501234569']],
    [
      'by date',
      { from: '2026-11-02T00:00:00Z', until: '2026-11-04T00:00:00Z', state: 'any' },
      ['+971501234569', 'US.13491208655302741918'],
    ],
    ['not by a wildcard', { search: '%' }, []],
  ])('are found %s', async (_, filter, expected) => {
    expect(await people(filter)).toEqual(expected);
  });

  test('are a file that no spreadsheet runs, with everybody who fits', async () => {
    const text = await new Response(
      optOutsFile(setup.database, optOutFilter.parse({ companyId: 'acme', state: 'any' })),
    ).text();
    const lines = text.trim().split('\r\n');
    expect(lines).toHaveLength(5);
    expect(lines[1]).toBe(
      `acme,+971501234567,,all,keyword,"'=HYPERLINK(""http://evil.example"")",2026-11-05T10:00:00.000Z,`,
    );
  });

  test('are written down once for a number in any writing, and refused for what is none', async () => {
    expect(await add({ person: '050 765 43 21' })).toBe(true);
    expect(await add({ person: '+971507654321', reason: 'asked again' })).toBe(false);
    expect(await one('507654321')).toMatchObject({ source: 'admin', reason: 'asked by phone', liftedAt: null });
    expect(await add({ person: 'us.999988887777' })).toBe(true);
    expect(await refusal(add({ person: 'nobody' }))).toEqual([400, 'person_invalid']);
    expect(await refusal(add({ companyId: 'nobody', person: '0501234567' }))).toEqual([404, 'company_unknown']);
  });

  test('that a colleague wrote are lifted with a reason alone; written again they hold again', async () => {
    const { id, version } = await one('507654321');
    await lift({ id, version, reason: 'a wrong number' });
    expect(await one('507654321')).toMatchObject({ liftedAt: expect.any(String) });
    expect(await refusal(lift({ id, version, reason: 'twice' }))).toEqual([409, 'opt_out_changed']);
    expect(await add({ person: '0507654321' })).toBe(true);
    expect(await one('507654321')).toMatchObject({ id, liftedAt: null });
  });

  test.each(['501234567', '501234568', '13491208655302741918'])(
    'that the person or WhatsApp gave are lifted with a note alone (%s)',
    async (search) => {
      const { id, version } = await one(search);
      expect(await refusal(lift({ id, version, reason: 'they are a good customer' }))).toEqual([400, 'note_missing']);
      expect(await one(search)).toMatchObject({ liftedAt: null });
      await lift({ id, version, reason: 'INC-7', howAsked: NOTE });
      expect(await one(search)).toMatchObject({ liftedAt: expect.any(String) });
    },
  );

  test('that the person gave again while somebody looked are left alone', async () => {
    const { id, version } = await one('491711234567');
    const lifted = await readLiftable(setup.database, { id, version, reason: 'x' });
    await rows("update opt_outs set source = 'keyword', opted_out_at = now() where id = $1", id);
    expect(await refusal(liftOptOut(setup.database, { id, version, reason: 'x' }, lifted))).toEqual([
      409,
      'opt_out_changed',
    ]);
    expect(await refusal(readLiftable(setup.database, { id: '999999', version, reason: 'x' }))).toEqual([
      404,
      'not_found',
    ]);
  });

  test('are listed page by page; a search looks at 20,000 and says where it goes on', async () => {
    await rows(`
      insert into opt_outs (company_id, phone_e164, scope, source, opted_out_at)
      select 'other', '+4915100' || (100000 + n), 'all', 'admin', timestamptz '2026-10-01Z' - n * interval '1 second'
      from generate_series(1, 20100) n`);
    await rows('analyze opt_outs');
    const first = await find({ source: 'admin', companyId: 'other' });
    expect([first.optOuts.length, first.searchedTo]).toEqual([50, null]);
    const second = await find({ source: 'admin', companyId: 'other' }, first.next ?? undefined);
    expect(second.optOuts[0]?.phone).toBe('+4915100100051');
    const far = await find({ companyId: 'other', search: '4915100120100' });
    expect([far.optOuts.length, far.searchedTo !== null]).toEqual([0, true]);
    const further = await find({ companyId: 'other', search: '4915100120100' }, far.next ?? undefined);
    expect([further.optOuts.map(({ phone }) => phone), further.next]).toEqual([['+4915100120100'], null]);
  });
});
