/** Templates as Meta lists them: which gaps a message has to fill, and what the pages show of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Component, gapsOf } from '../../lib/templates/components.ts';
import { listTemplates, templatesPage } from '../../lib/templates/list.ts';
import { keyOf } from '../../lib/templates/parameter.ts';
import { type Campaigns, COMPANY, startCampaigns } from './campaigns.ts';

let its: Campaigns;
beforeAll(async () => {
  its = await startCampaigns();
  await its.addCompany(COMPANY);
});
afterAll(() => its.close());

const keys = (components: readonly Component[]) => gapsOf(components).parameters.map(keyOf);

describe('the gaps of a template', () => {
  test.each<[string, Component[], string[]]>([
    ['none', [{ type: 'BODY', text: 'Hello' }], []],
    [
      'a body, by value and once each',
      [{ type: 'BODY', text: '{{2}} {{10}} {{ 1 }} {{2}}' }],
      ['body.1', 'body.2', 'body.10'],
    ],
    ['a named body, in its order', [{ type: 'BODY', text: '{{b}} {{a}}' }], ['body.b', 'body.a']],
    [
      'a text header and a footer',
      [
        { type: 'HEADER', format: 'TEXT', text: 'Sale {{1}}' },
        { type: 'FOOTER', text: 'bye' },
      ],
      ['header.1'],
    ],
    ['a plain header', [{ type: 'HEADER', format: 'TEXT', text: 'Sale' }], []],
    ['an image header', [{ type: 'HEADER', format: 'IMAGE' }], ['header.image']],
    ['a video header', [{ type: 'header', format: 'video' }], ['header.video']],
    ['a document header', [{ type: 'HEADER', format: 'DOCUMENT' }], ['header.document', 'header.filename']],
    [
      'a location header',
      [{ type: 'HEADER', format: 'LOCATION' }],
      ['header.latitude', 'header.longitude', 'header.name', 'header.address'],
    ],
    [
      'buttons, by their places',
      [
        {
          type: 'BUTTONS',
          buttons: [
            { type: 'QUICK_REPLY', text: 'Stop' },
            { type: 'URL', text: 'See', url: 'https://shop.example/{{1}}' },
            { type: 'URL', text: 'Home', url: 'https://shop.example/' },
            { type: 'PHONE_NUMBER', text: 'Call' },
            { type: 'COPY_CODE' },
          ],
        },
      ],
      ['button.0.payload', 'button.1.1', 'button.4.coupon_code'],
    ],
  ])('%s', (_, components, expected) => {
    expect(keys(components)).toEqual(expected);
    expect(gapsOf(components).unsupported).toBeNull();
  });

  test('of parts that campaigns cannot fill are named', () => {
    const parts: Component[] = [
      { type: 'CAROUSEL' },
      { type: 'BUTTONS', buttons: [{ type: 'FLOW' }] },
      { type: 'HEADER', format: 'PRODUCT' },
    ];
    expect(parts.map((one) => gapsOf([one]).unsupported)).toEqual([
      'a component of the kind CAROUSEL',
      'a button of the kind FLOW',
      'a header of the kind PRODUCT',
    ]);
  });
});

test('templates are listed by company, and page by page over all of them', async () => {
  await its.addCompany('other');
  await its.rows(`insert into templates (company_id, name, language, category, status, body)
    select 'other', 'many_' || lpad(n::text, 3, '0'), 'en', 'UTILITY', case when n = 1 then 'PAUSED' else 'APPROVED' end, 'Hi'
    from generate_series(1, 60) n`);
  expect((await listTemplates(its.database, { companyId: COMPANY })).map(({ name }) => name)).toEqual(['offer']);
  expect(await listTemplates(its.database, { companyId: 'other' })).toHaveLength(61);
  expect(await listTemplates(its.database, { companyId: 'other', approvedOnly: true })).toHaveLength(60);
  const first = await templatesPage(its.database, {});
  const second = await templatesPage(its.database, { after: first.next ?? undefined });
  expect([first.templates.length, second.templates.length, second.next]).toEqual([50, 12, null]);
  const names = [...first.templates, ...second.templates].map(({ companyId, name }) => `${name} of ${companyId}`);
  expect(new Set(names).size).toBe(62);
});
