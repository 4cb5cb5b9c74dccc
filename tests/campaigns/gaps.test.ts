/** Campaigns whose templates have headers, long texts and buttons, against a stand-in that refuses what Meta refuses. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewCampaign } from '../../lib/campaigns/request.ts';
import { gapsOf } from '../../lib/templates/components.ts';
import type { StandInComponent } from '../standins/whatsapp/templates.ts';
import { startWhatsApp, type WhatsAppStandIn } from '../standins/whatsapp.ts';
import { emptied } from '../support/empty.ts';
import { type Campaigns, COMPANY, numbers, startCampaigns } from './campaigns.ts';
import { TOKEN } from './phones.ts';

let its: Campaigns;
let meta: WhatsAppStandIn;
let made = 0;

beforeAll(async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY);
  await its.rows("update company_settings set whatsapp_phone_number_id = '1555'");
  meta = await startWhatsApp({ accessToken: TOKEN, phoneNumberId: '1555', perSecond: 1_000 });
  process.env.WHATSAPP_BASE_URL = meta.origin;
});
afterAll(async () => {
  await meta.close();
  await its.close();
});
beforeEach(() => its.rows(emptied('jobqueue.buckets')));

type Sources = NewCampaign['parameters'];
type Person = { phone: string; fields?: Record<string, string>; name?: string };

/** A template at Meta and here, and a campaign with it; answers the campaign's report and what Meta was sent. */
async function run(components: readonly StandInComponent[], parameters: Sources, people: readonly Person[]) {
  const name = `gaps_${++made}`;
  meta.addTemplate({ name, language: 'en', category: 'UTILITY', status: 'APPROVED', components });
  const { parameters: gaps } = gapsOf(components as Parameters<typeof gapsOf>[0]);
  await its.rows(
    `insert into templates (company_id, name, language, category, status, body, parameters, components)
     values ($1, $2, 'en', 'UTILITY', 'APPROVED', $3, $4::jsonb, $5::jsonb)`,
    COMPANY,
    name,
    components.find(({ type }) => type === 'BODY')?.text ?? '',
    JSON.stringify(gaps),
    JSON.stringify(components),
  );
  const calls = meta.calls.length;
  const id = await its.create({ template: { name, language: 'en' }, parameters, people });
  await its.drainUntil(id, ['settling', 'completed']);
  const sent = meta.calls.slice(calls).map(({ body }) => JSON.parse(body).template.components);
  return { report: (await its.read(id)).report, sent, statuses: await its.statuses(id) };
}

const BODY: StandInComponent = { type: 'BODY', text: 'Your viewing is at noon.' };
const [first = '', second = '', third = '', fourth = ''] = numbers(4);
const link = 'https://cdn.example/plan.pdf';

describe('a header', () => {
  test.each<[string, StandInComponent, Sources, object[]]>([
    [
      'image',
      { type: 'HEADER', format: 'IMAGE' },
      { 'header.image': { value: link } },
      [{ type: 'image', image: { link } }],
    ],
    [
      'video by its upload',
      { type: 'HEADER', format: 'VIDEO' },
      { 'header.video': { value: '1234567890' } },
      [{ type: 'video', video: { id: '1234567890' } }],
    ],
    [
      'document with a name',
      { type: 'HEADER', format: 'DOCUMENT' },
      { 'header.document': { value: link }, 'header.filename': { value: 'Floor plan.pdf' } },
      [{ type: 'document', document: { link, filename: 'Floor plan.pdf' } }],
    ],
    [
      'place',
      { type: 'HEADER', format: 'LOCATION' },
      {
        'header.latitude': { value: '25.2048' },
        'header.longitude': { value: '55.2708' },
        'header.name': { value: 'Office' },
      },
      [{ type: 'location', location: { latitude: '25.2048', longitude: '55.2708', name: 'Office' } }],
    ],
    [
      'text',
      { type: 'HEADER', format: 'TEXT', text: 'Sale {{1}}' },
      { 'header.1': { value: 'today' } },
      [{ type: 'text', text: 'today' }],
    ],
  ])('%s reaches Meta as it takes it', async (_, header, parameters, expected) => {
    const { report, sent } = await run([header, BODY], parameters, [{ phone: first }]);
    expect(report).toMatchObject({ accepted: 1 });
    expect(sent).toEqual([[{ type: 'header', parameters: expected }]]);
  });

  test('image of each person: who has none or a wrong one is left out, and costs no call', async () => {
    const people = [
      { phone: first, fields: { picture: 'https://cdn.example/1.jpg' } },
      { phone: second, fields: { picture: 'cdn.example/2.jpg' } },
      { phone: third },
      { phone: fourth, fields: { picture: '998877665544' } },
    ];
    const header: StandInComponent = { type: 'HEADER', format: 'IMAGE' };
    const { sent, statuses } = await run([header, BODY], { 'header.image': { field: 'picture' } }, people);
    expect(statuses).toEqual({
      [first]: 'accepted',
      [second]: 'parameter_invalid',
      [third]: 'missing_parameter',
      [fourth]: 'accepted',
    });
    expect(sent).toHaveLength(2);
  });
});

test('buttons: the end of an address, a payload and a code go to their places; a payload may be left out', async () => {
  const buttons: StandInComponent = {
    type: 'BUTTONS',
    buttons: [
      { type: 'QUICK_REPLY', text: 'Stop' },
      { type: 'URL', text: 'See', url: 'https://shop.example/{{1}}' },
      { type: 'COPY_CODE' },
    ],
  };
  const needed = { 'button.1.1': { value: 'a?b=1' }, 'button.2.coupon_code': { value: '25OFF' } };
  const url = { type: 'button', sub_type: 'url', index: '1', parameters: [{ type: 'text', text: 'a?b=1' }] };
  const code = {
    type: 'button',
    sub_type: 'copy_code',
    index: '2',
    parameters: [{ type: 'coupon_code', coupon_code: '25OFF' }],
  };
  const payload = {
    type: 'button',
    sub_type: 'quick_reply',
    index: '0',
    parameters: [{ type: 'payload', payload: 'STOP' }],
  };
  const without = await run([BODY, buttons], needed, [{ phone: first }]);
  expect(without.sent).toEqual([[url, code]]);
  const with_ = await run([BODY, buttons], { ...needed, 'button.0.payload': { value: 'STOP' } }, [{ phone: first }]);
  expect(with_.sent).toEqual([[payload, url, code]]);
});

describe('lengths, in characters as people count them', () => {
  const fits = (most: number, taken: number) => '😀'.repeat(most - taken);

  test('a body of 1,024 goes out, one more is left out before any call', async () => {
    const people = [
      { phone: first, fields: { word: fits(1024, 6) } },
      { phone: second, fields: { word: fits(1025, 6) } },
      { phone: third, fields: { word: 'x' } },
    ];
    const { sent, statuses } = await run(
      [{ type: 'BODY', text: 'Hello {{1}}' }],
      { 'body.1': { field: 'word' } },
      people,
    );
    expect(statuses).toEqual({ [first]: 'accepted', [second]: 'text_too_long', [third]: 'accepted' });
    expect(sent).toHaveLength(2);
  });

  test('a text header of 60', async () => {
    const people = [
      { phone: first, fields: { word: fits(60, 5) } },
      { phone: second, fields: { word: fits(61, 5) } },
    ];
    const header: StandInComponent = { type: 'HEADER', format: 'TEXT', text: 'Sale {{1}}' };
    const { statuses } = await run([header, BODY], { 'header.1': { field: 'word' } }, people);
    expect(statuses).toEqual({ [first]: 'accepted', [second]: 'text_too_long' });
  });

  test('a template that was made longer after the people were planned fails who no longer fits, and no one else', async () => {
    const name = `gaps_${++made}`;
    const text = 'Hello {{1}}';
    meta.addTemplate({
      name,
      language: 'en',
      category: 'UTILITY',
      status: 'APPROVED',
      components: [{ type: 'BODY', text }],
    });
    await its.rows(
      `insert into templates (company_id, name, language, category, status, body, parameters)
       values ($1, $2, 'en', 'UTILITY', 'PENDING', $3, '[{"component": "body", "name": "1"}]')`,
      COMPANY,
      name,
      text,
    );
    const people = [
      { phone: first, fields: { word: 'x'.repeat(1_010) } },
      { phone: second, fields: { word: 'x' } },
    ];
    const id = await its.create({
      template: { name, language: 'en' },
      parameters: { 'body.1': { field: 'word' } },
      people,
    });
    await its.drainUntil(id, 'paused'); // planned; the template waits for its approval
    await its.rows(
      "update templates set status = 'APPROVED', body = 'Hello, dear customer {{1}}' where name = $1",
      name,
    );
    const calls = meta.calls.length;
    await its.resume(id);
    await its.drainUntil(id, 'settling');
    expect(await its.statuses(id)).toEqual({ [first]: 'failed', [second]: 'accepted' });
    expect((await its.read(id)).report.failed.byCode).toMatchObject([{ code: 132005, count: 1 }]);
    expect(meta.calls.length - calls).toBe(1);
  });
});

test('what fills a gap for everybody is checked before the campaign is made', async () => {
  const header: StandInComponent = { type: 'HEADER', format: 'LOCATION' };
  const buttons: StandInComponent = { type: 'BUTTONS', buttons: [{ type: 'COPY_CODE' }] };
  const wrong = run(
    [header, BODY, buttons],
    {
      'header.latitude': { value: '95' },
      'header.longitude': { value: '55.2' },
      'button.0.coupon_code': { value: 'MORE-THAN-FIFTEEN' },
    },
    [{ phone: first }],
  );
  await expect(wrong).rejects.toMatchObject({
    code: 'parameters_invalid',
    issues: [{ path: 'parameters.header.latitude' }, { path: 'parameters.button.0.coupon_code' }],
  });
});
