/** A campaign before it is made: what the preview says is what planning does, and a form's mistakes stand at its fields. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { campaignOf, type Fields } from '../../lib/campaigns/form.ts';
import { columnsIn, peopleOf } from '../../lib/campaigns/people-file.ts';
import { previewCampaign } from '../../lib/campaigns/preview.ts';
import { type NewCampaign, newCampaign } from '../../lib/campaigns/request.ts';
import { readPhone } from '../../lib/phone/index.ts';
import { describeEachDriver } from '../support/drivers.ts';
import { COMPANY, numbers, startCampaignsOn } from './campaigns.ts';

describeEachDriver('a preview', (setup) => {
  let its: Awaited<ReturnType<typeof startCampaignsOn>>;
  beforeAll(async () => {
    its = await startCampaignsOn(setup.database);
    await its.addCompany(COMPANY);
    await its.rows(
      `insert into opt_outs (company_id, phone_e164, scope) values ($1, '+971501000001', 'marketing')`,
      COMPANY,
    );
    await its.rows(
      `insert into leads (company_id, phone_e164, name, tags, whatsapp_unreachable_at, consented_at)
       select $1, '+9715020000' || lpad(n::text, 2, '0'), case when n > 5 then 'Lead ' || n end, array['vip'],
              case when n = 3 then now() end, case when n > 1 then now() end
       from generate_series(1, 12) n`,
      COMPANY,
    );
  });
  afterAll(() => its.close());

  const given = (more: object): NewCampaign =>
    newCampaign.parse({
      companyId: COMPANY,
      name: 'Spring',
      template: { name: 'offer', language: 'en' },
      parameters: { 'body.1': { field: 'first_name' } },
      quietHours: null,
      ...more,
    });

  test.each<[string, object]>([
    [
      'a list with everything that lists hold',
      {
        audience: {
          kind: 'list',
          people: [
            ...numbers(4).map((phone, n) => ({ phone, name: `Ann ${n}` })),
            { phone: '050 100 0003', name: 'Ann again' },
            { phone: 'none', name: 'Nobody' },
            { phone: '+971501000009' },
            { phone: '+971501000010', name: 'x'.repeat(200).slice(0, 200) },
            { phone: '+971501000011', name: '=cmd|calc' },
          ],
        },
      },
    ],
    ['leads by tag', { audience: { kind: 'leads', anyTag: ['vip'] } }],
    ['leads who agreed', { audience: { kind: 'leads', anyTag: ['vip'] }, needsConsent: true }],
    ['nobody', { audience: { kind: 'leads', anyTag: ['no such tag'] } }],
  ])(
    'of %s counts whom planning writes to, and skips whom planning skips and for the same reasons',
    async (name, more) => {
      const campaign = given(more);
      const preview = await previewCampaign(setup.database, campaign);
      const id = `parity-${name.replaceAll(/\W/g, '-')}`;
      await its.create({
        ...campaign,
        id,
        ...('people' in campaign.audience ? { people: campaign.audience.people } : {}),
      });
      await its.drainUntil(id, ['running', 'settling', 'completed']);
      const { report } = await its.read(id);
      expect(Object.fromEntries(preview.skipped.map(({ reason, people }) => [reason, people]))).toEqual(
        report.skipped.byReason,
      );
      expect(preview.people).toBe(report.planned);
      expect(preview.willBeWritten).toBe(report.planned - report.skipped.total);
    },
  );

  test('writes nothing, shows what people read, and what it costs at most', async () => {
    const before = await its.rows(
      'select (select count(*) from campaigns) as c, (select count(*) from recipients) as r',
    );
    const preview = await previewCampaign(
      setup.database,
      given({
        audience: { kind: 'list', people: numbers(3, 20).map((phone) => ({ phone, name: '<b>Ann</b> Lee' })) },
        prices: { currency: 'USD', marketing: 0.05 },
        quietHours: { from: '00:00', to: '23:45' },
      }),
    );
    expect(preview).toMatchObject({ willBeWritten: 3, later: 3, cost: { currency: 'USD', most: 0.15 } });
    expect(preview.examples[0]).toMatchObject({ phone: '+971501000020', language: 'en', text: 'Hello <b>Ann</b>' });
    expect(
      await its.rows('select (select count(*) from campaigns) as c, (select count(*) from recipients) as r'),
    ).toEqual(before);
  });

  test('greets leads by the first name that is known apart, else by the one behind a comma', async () => {
    await its.rows(
      `insert into leads (company_id, phone_e164, name, given_name, family_name, tags)
       values ($1, '+971503000001', 'García José', 'José', 'García', array['named']), ($1, '+971503000002', 'García, Ana', null, null, array['named'])`,
      COMPANY,
    );
    const preview = await previewCampaign(setup.database, given({ audience: { kind: 'leads', anyTag: ['named'] } }));
    expect(preview.examples.map(({ text }) => text).sort()).toEqual(['Hello Ana', 'Hello José']);
  });

  test('of one that cannot be made is refused as making it would be', async () => {
    const audience = { kind: 'leads' };
    const refused = (more: object) => previewCampaign(setup.database, given({ audience, ...more }));
    await expect(refused({ parameters: {} })).rejects.toMatchObject({ status: 400, code: 'parameters_invalid' });
    await expect(refused({ template: { name: 'offer', language: 'fr' } })).rejects.toMatchObject({ status: 404 });
    await expect(refused({ companyId: 'nobody' })).rejects.toMatchObject({ status: 404, code: 'template_unknown' });
  });

  test('of more leads than are looked at one by one says so', async () => {
    await its.rows(
      `insert into leads (company_id, phone_e164, name, tags)
       select $1, '+97155' || (1000000 + n), 'Many', array['many'] from generate_series(1, 10500) n`,
      COMPANY,
    );
    const preview = await previewCampaign(setup.database, given({ audience: { kind: 'leads', allTags: ['many'] } }));
    expect(preview).toMatchObject({ people: 10_500, isCountBound: false, judged: 10_000, willBeWritten: 10_000 });
  });
});

describe('the file of a list', () => {
  const read = async (text: string | Uint8Array) =>
    (await peopleOf(typeof text === 'string' ? Buffer.from(text) : text, 'AE')).people;
  const refusal = async (text: string | Uint8Array) =>
    read(text).then(
      () => 'it was taken',
      (error: { issues: { path: string; message: string }[] }) => error.issues[0],
    );

  test('knows the number, the name and what else it says of a person; every column is a field', async () => {
    const file =
      '\ufeffPhone;First name;Last name;Language;Time zone;Consent;Discount\r\n050 123 4567;Ann;Lee;en-us;Asia/Dubai;yes;"10 %"\r\n;Bob;;;;;\r\n';
    const people = await read(file);
    expect(people[0]).toMatchObject({
      phone: '+971501234567',
      name: 'Ann Lee',
      language: 'en_US',
      timeZone: 'Asia/Dubai',
      consented: true,
      fields: { Discount: '10 %', 'First name': 'Ann' },
    });
    expect(people[1]).toMatchObject({ phone: 'none', name: 'Bob', consented: false });
    expect(columnsIn(people)).toEqual([
      'Phone',
      'First name',
      'Last name',
      'Language',
      'Time zone',
      'Consent',
      'Discount',
    ]);
  });

  test('leaves out who refuses messages in it, and reads a number by the country beside it', async () => {
    const file = 'Phone,Country,Do Not Call\n0171 1234567,Germany,no\n+971501234567,,yes\n';
    const { people, leftOut } = await peopleOf(Buffer.from(file), 'AE');
    expect([people.map(({ phone }) => phone), leftOut]).toEqual([['+491711234567'], 1]);
  });

  test('never hands on as a number what its row does not give as one', async () => {
    const file = `Phone,Country,Fax
0501234567,Atlantis,
0501234567,Germany,
0501234567 / 0501234568,,
,,0501234567
`;
    const people = await read(file);
    expect(people.map(({ phone }) => 'phone' in readPhone(phone, { country: 'AE' }))).toEqual(Array(4).fill(false));
    expect(people[0]?.phone).toMatch(/Atlantis/);
  });

  test('is taken as the API takes a list, whatever its cells hold', async () => {
    const long = 'x'.repeat(10_000);
    const people = await read(
      `Phone,Name,Notes\n+971501234567,${long},${long}\nnobody,"=1+1","<script>alert(1)</script>"\n"050 1/7",Eve,\n`,
    );
    const parsed = newCampaign.shape.audience.safeParse({ kind: 'list', people });
    expect(parsed.error).toBeUndefined();
    expect(people.map(({ fields }) => Object.keys(fields))).toEqual([
      ['Phone'],
      ['Phone', 'Name', 'Notes'],
      ['Phone', 'Name'],
    ]);
  });

  test.each<[string, string | Uint8Array, RegExp]>([
    ['a spreadsheet', Buffer.from([0x50, 0x4b, 0x03, 0x04, 1, 2]), /spreadsheet/],
    ['another encoding', Buffer.from('Phone,Name\n050,M\xfcller\n', 'latin1'), /UTF-8/],
    ['no numbers', 'Name\nAnn\n', /Phone, Mobile or WhatsApp/],
    ['nobody', 'Phone\n', /nobody/],
    ['a NUL', 'Phone,Name\n+971501234567,A\0nn\n', /NUL/],
    ['more than a request may hold', `Phone\n${'0501234567\n'.repeat(10_001)}`, /10000 people/],
  ])('with %s is refused and says why', async (_, text, message) => {
    expect(await refusal(text)).toMatchObject({ path: 'file', message: expect.stringMatching(message) });
  });
});

describe('the form', () => {
  const context = {
    parameters: [
      { component: 'header', name: 'image', kind: 'image' },
      { component: 'body', name: '1' },
      { component: 'button', name: '1', index: 0, optional: true },
    ] as const,
    category: 'MARKETING' as const,
    people: null,
    instantOf: (typed: string) => (/^\d{4}-/.test(typed) ? new Date(`${typed}Z`) : undefined),
    now: new Date('2026-12-01T00:00Z'),
  };
  const good: Fields = {
    company: 'acme',
    template: 'offer/en',
    name: 'Spring',
    audience: 'leads',
    anyTag: 'vip, gold\nvip',
    'from-header.image': 'value',
    'text-header.image': 'https://shop.example/a.jpg',
    'from-body.1': 'first_name',
    'fallback-body.1': 'there',
    'from-button.0.1': '',
    isQuiet: '1',
    quietFrom: '21:00',
    quietTo: '09:00',
    scheduledAt: '2026-12-02T10:00',
    shards: '2',
    price: '0,05',
    currency: 'usd',
    capMessages: '1',
    capHours: '24',
  };

  test('becomes what the API takes', () => {
    expect(campaignOf(good, context)).toMatchObject({
      campaign: {
        companyId: 'acme',
        template: { name: 'offer', language: 'en' },
        audience: { kind: 'leads', anyTag: ['vip', 'gold'] },
        parameters: {
          'header.image': { value: 'https://shop.example/a.jpg' },
          'body.1': { field: 'first_name', fallback: 'there' },
        },
        quietHours: { from: '21:00', to: '09:00' },
        scheduledAt: '2026-12-02T10:00:00.000Z',
        cap: { messages: 1, hours: 24 },
        prices: { currency: 'USD', marketing: 0.05 },
        shards: 2,
      },
    });
  });

  test.each<[string, Fields, string]>([
    ['no name', { name: ' ' }, 'name'],
    ['10,000 characters', { name: 'x'.repeat(10_000) }, 'name'],
    ['a NUL', { name: 'a\0b' }, 'name'],
    ['a gap that nothing fills', { 'text-header.image': '' }, 'text-header.image'],
    ['a column without its name', { 'from-body.1': 'column', 'text-body.1': '' }, 'text-body.1'],
    ['a file that was not sent', { audience: 'list' }, 'file'],
    ['quiet hours between quarters', { quietFrom: '21:05' }, 'quietFrom'],
    ['quiet hours that are none', { quietTo: '21:00' }, 'quietFrom'],
    ['a time that is none', { scheduledAt: 'soon' }, 'scheduledAt'],
    ['an end before the start', { expiresAt: '2026-12-01T10:00' }, 'expiresAt'],
    ['half a cap', { capHours: '' }, 'capHours'],
    ['many jobs', { shards: 'many' }, 'shards'],
    ['a price without its currency', { currency: '' }, 'currency'],
    ['a currency in words', { currency: 'dollars' }, 'currency'],
    ['a price below nothing', { price: '-1' }, 'price'],
    ['a tag that is too long', { anyTag: 'x'.repeat(300) }, 'anyTag'],
    ['an import of nobody', { importId: '../x' }, 'importId'],
  ])('with %s names the field', (_, more, path) => {
    const filled = campaignOf({ ...good, ...more }, context);
    expect('issues' in filled ? filled.issues.map((issue) => issue.path) : []).toContain(path);
  });
});
