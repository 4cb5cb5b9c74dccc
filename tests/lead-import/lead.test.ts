/** One row at a time: which cells become which fields, and what refuses a row. */
import { describe, expect, test } from 'vitest';
import { mapColumns } from '../../lib/imports/lead-import/columns.ts';
import { findHeader } from '../../lib/imports/lead-import/header-row.ts';
import { leadReader } from '../../lib/imports/lead-import/lead.ts';
import { headerMapper } from '../../lib/imports/lead-import/mapping.ts';
import type { ImportOptions } from '../../lib/imports/lead-import/options.ts';
import { heldMs, MOST_HELD_MS } from '../edges/fuzz/held.ts';

type Choices = Partial<Pick<ImportOptions, 'mode' | 'several'>>;

function reading(header: string[], cells: string[], choices: Choices = {}) {
  const options = { country: 'AE', mode: 'upsert', several: 'refuse', ...choices } as const;
  return leadReader({ header, columns: mapColumns(header, [cells]) }, options)(cells);
}

const read = (header: string[], cells: string[], choices?: Choices) => reading(header, cells, choices).lead;

const NOTHING_ELSE = { name: null, email: null, source: null, organisation: null, notes: null, tags: null };
const PHONE = '+971501234567';

test.each([
  ['blanks', `x${' '.repeat(60_000)}"`],
  ['tabs', `1${'\t'.repeat(60_000)}1`],
  ['dots behind an at-sign', `x@${'a.'.repeat(30_000)} y`],
  ['delimiters', `a@b.c${';'.repeat(60_000)}!`],
])('a row is read, and looked at as a header, in no time: a cell of 60,000 %s', async (_, long) => {
  for (const header of ['Phone', 'Email', 'Name', 'Notes', 'Tags', 'Country', 'Unsubscribed']) {
    const cells = header === 'Phone' ? ['', long] : [PHONE, long];
    expect(await heldMs(async () => read(['Mobile', header], cells))).toBeLessThan(MOST_HELD_MS);
  }
  const map = headerMapper([], { columns: {} });
  expect(await heldMs(async () => findHeader([{ cells: [long], row: 1 }], map))).toBeLessThan(MOST_HELD_MS);
});

describe('headers', () => {
  test.each([
    ['Phone'],
    ['Phone 1'],
    ['PHONE_NUMBER*'],
    ['Mobile No.'],
    ['WhatsApp-Number'],
    ['\ufeffTel'],
    ["'Phone"],
    ['Phone 1 - Value'],
    ['Contact  Number'],
  ])('%j is a phone', (header) => {
    expect(read([header], ['0501234567'])).toEqual({ phone: PHONE, ...NOTHING_ELSE });
  });

  test('the first twenty columns of a field count, however many there are', () => {
    expect(mapColumns(Array(9_000).fill('Phone')).phone).toEqual([...Array(20).keys()]);
  });

  test('first and last name make a name; a full name beats them', () => {
    expect(read(['First Name', 'Last Name', 'Phone'], ['Ali', 'Hassan', PHONE])).toMatchObject({ name: 'Ali Hassan' });
    expect(read(['First Name', 'Last Name', 'Phone'], ['', ' Hassan ', PHONE])).toMatchObject({ name: 'Hassan' });
    expect(read(['First Name', 'Name', 'Phone'], ['Ali', 'Ali H.', PHONE])).toMatchObject({ name: 'Ali H.' });
  });

  test('WhatsApp beats mobile beats phone, and the next best serves where the best is empty', () => {
    const header = ['Phone', 'Mobile', 'WhatsApp'];
    expect(read(header, ['0501111111', '0502222222', '0503333333'])).toMatchObject({ phone: '+971503333333' });
    expect(read(header, ['0501111111', '0502222222', ' - '])).toMatchObject({ phone: '+971502222222' });
    expect(read(header, ['0501111111', '', ''])).toMatchObject({ phone: '+971501111111' });
  });
});

const MOBILE = '+971500000001';
const OTHER_MOBILE = '+971550000002';
const FIXED = '+97143000003';

describe('the number of a row', () => {
  test.each<[string, string[], string[], string | null]>([
    ['mobile beats work, whatever its place', ['Work Phone', 'Mobile'], [FIXED, MOBILE], MOBILE],
    ['WhatsApp beats mobile', ['Mobile', 'Phone (WhatsApp)'], [MOBILE, FIXED], FIXED],
    [
      'a column that says nothing beats work and home',
      ['Work Phone', 'Home Phone', 'Phone'],
      [MOBILE, MOBILE, OTHER_MOBILE],
      OTHER_MOBILE,
    ],
    ['the first of two that say the same', ['Mobile 2', 'Mobile 1'], [MOBILE, OTHER_MOBILE], OTHER_MOBILE],
    ['a mobile beats a fixed line where labels do not say', ['Phone 1', 'Phone 2'], [FIXED, MOBILE], MOBILE],
    [
      'a mobile in a work column beats a fixed line in one of mobiles',
      ['Mobile', 'Work Phone'],
      [FIXED, MOBILE],
      MOBILE,
    ],
    ['a fixed line is better than none', ['Mobile', 'Phone'], ['', FIXED], FIXED],
    ['a bad first number hides no good second one', ['Mobile', 'Phone'], ['050 12', MOBILE], MOBILE],
    ['nor does a damaged one', ['Mobile', 'Phone'], ['9.71501E+11', MOBILE], MOBILE],
    ['zeros and words are no number', ['WhatsApp', 'Mobile', 'Phone'], ['same as phone', '0000000000', MOBILE], MOBILE],
    [
      'two good numbers in the better cell: no fixed line of another',
      ['Mobile', 'Phone'],
      [`${MOBILE}, ${OTHER_MOBILE}`, FIXED],
      null,
    ],
    ['but a mobile of another', ['Mobile', 'Phone'], [`${MOBILE}, ${OTHER_MOBILE}`, '0501234567'], PHONE],
    [
      'in a country that does not tell mobile from fixed the label decides',
      ['Work Phone', 'Mobile'],
      ['+1 212 555 0101', '+1 917 555 0102'],
      '+19175550102',
    ],
    ['faxes and pagers are never read', ['Fax', 'Pager', 'Phone'], [MOBILE, MOBILE, FIXED], FIXED],
  ])('%s', (_, header, cells, phone) => {
    const lead = read(header, cells);
    expect('code' in lead ? null : lead.phone).toBe(phone);
  });

  test.each<[string, string[], string | null]>([
    ['a label that says mobile beats the first', ['Work', FIXED, 'Mobile', MOBILE], MOBILE],
    [
      'a label beats the type of the number',
      ['Work', '+1 917 555 0102', '* Mobile', '+1 212 555 0101'],
      '+12125550101',
    ],
    ['a fax is not written to', ['Work Fax', MOBILE, 'Home', FIXED], FIXED],
    ['nor is it when nothing else is there', ['Home Fax', MOBILE, '', ''], null],
    ['labels of any language', ['Geschäftlich', FIXED, 'Móvil', MOBILE], MOBILE],
    ['a bad value of a list hides no good one', ['Mobile', `050 12 ::: ${MOBILE}`, 'Work', FIXED], MOBILE],
    ['the mobile of a list', ['', `${FIXED} ::: ${MOBILE}`, '', ''], MOBILE],
    ['two mobiles in a list', ['', `${MOBILE} ::: ${OTHER_MOBILE}`, '', ''], null],
  ])("Google's contacts: %s", (_, cells, phone) => {
    const header = ['Phone 1 - Label', 'Phone 1 - Value', 'Phone 2 - Label', 'Phone 2 - Value'];
    const lead = read(header, cells);
    expect('code' in lead ? null : lead.phone).toBe(phone);
  });

  test('of several good ones in a cell the first, where that was chosen', () => {
    const several = { several: 'first' } as const;
    expect(read(['Phone'], [`${MOBILE} ::: ${OTHER_MOBILE}`], several)).toMatchObject({ phone: MOBILE });
    expect(read(['Phone'], [`${MOBILE}, ${OTHER_MOBILE}`], several)).toMatchObject({ phone: MOBILE });
  });

  test('the reason names the columns that were read and those that were not', () => {
    const header = ['Mobile', 'Phone', 'Home Phone', 'Work Fax', 'Emergency Contact'];
    const lead = read(header, ['050 12', '', 'n/a', '04 300 0009', '0501234567']);
    expect(lead).toMatchObject({ code: 'phone_invalid', column: 'Mobile', value: '050 12' });
    expect(lead).toMatchObject({
      message: expect.stringMatching(
        /^.+; read and without a number: Phone, Home Phone; not read: Work Fax, Emergency Contact$/,
      ),
    });
    expect(read(['Mobile', 'Fax'], ['', '04 300 0009'])).toMatchObject({
      code: 'phone_missing',
      message: 'there is no phone number in this row; not read: Fax',
    });
  });

  test('a number that was passed over is a warning', () => {
    expect(reading(['Mobile', 'Phone'], ['050 12', MOBILE]).warnings).toMatchObject([
      {
        code: 'phone_invalid',
        column: 'Mobile',
        value: '050 12',
        message: expect.stringContaining('is the one of Phone'),
      },
    ]);
  });
});

describe("the row's country", () => {
  test.each<[string, string[], string[], string | null, string | null]>([
    ['a calling code', ['Country Code', 'Mobile'], ['+966', '500001152'], '+966500001152', 'beside SA'],
    ['without its plus', ['CC', 'Mobile'], ['966', '0550001153'], '+966550001153', 'beside SA'],
    ['an ISO code', ['COUNTRYCODE', 'Phone'], ['SA', '0500001043'], '+966500001043', 'beside SA'],
    ['a name', ['Country/Region', 'Phone'], ['Saudi Arabia', '0500001043'], '+966500001043', 'beside SA'],
    ['a name in its own language', ['الدولة', 'رقم الجوال'], ['السعودية', '0500001043'], '+966500001043', 'beside SA'],
    [
      'Land, because its values are countries',
      ['Land', 'Telefon'],
      ['Saudi-Arabien', '0500001043'],
      '+966500001043',
      'beside SA',
    ],
    ['and not where they are something else', ['Land', 'Phone'], ['Plot 12', '0501234567'], PHONE, 'default AE'],
    [
      'its own column before the one of the address',
      ['Country', 'Phone Country', 'Phone'],
      ['Germany', 'SA', '0500001043'],
      '+966500001043',
      'beside SA',
    ],
    [
      'that of this number, not of the other',
      ['Phone 1 - Country', 'Phone 1 - Value', 'Phone 2 - Country', 'Phone 2 - Value'],
      ['DE', '', 'SA', '0500001043'],
      '+966500001043',
      'beside SA',
    ],
    [
      "a person's before a company's",
      ['Company Country', 'Country', 'Phone'],
      ['Germany', 'Saudi Arabia', '0500001043'],
      '+966500001043',
      'beside SA',
    ],
    [
      'that of the alternate number for it alone',
      ['Country Code', 'Phone', 'Alternate Country Code', 'Alternate Phone'],
      ['DE', '', '966', '0500001043'],
      '+966500001043',
      'beside SA',
    ],
    [
      'a prefix in front of the second number',
      ['phone_prefix', 'phone', 'phone_2_prefix', 'phone_2'],
      ['+49', '', '+966', '500001043'],
      '+966500001043',
      'beside SA',
    ],
    [
      'that of the billing address, not where it was shipped to',
      ['billing_phone', 'billing_country', 'shipping_country'],
      ['0500001043', 'SA', 'DE'],
      '+966500001043',
      'beside SA',
    ],
    [
      'the answer to a question',
      ['Which country do you live in?', 'What is your phone number?'],
      ['Saudi', '0500001043'],
      '+966500001043',
      'beside SA',
    ],
    ['an empty one says nothing', ['Country', 'Phone'], ['-', '0501234567'], PHONE, 'default AE'],
    ['a number with its own code needs none', ['Country', 'Phone'], ['Atlantis', PHONE], PHONE, 'number'],
  ])('%s', (_, header, cells, phone, dialledFrom) => {
    const { lead, ...said } = reading(header, cells);
    expect(['code' in lead ? lead.code : lead.phone, said.dialledFrom]).toEqual([phone, dialledFrom]);
  });

  test.each<[string, string[], string[]]>([
    ['one that is not understood', ['Country', 'Phone'], ['Atlantis', '0501234567']],
    ['two that differ', ['Home Country/Region', 'Country', 'Phone'], ['Germany', 'Saudi Arabia', '0500001043']],
  ])('%s refuses a number that depends on it', (_, header, cells) => {
    expect(read(header, cells)).toMatchObject({ code: 'country_unknown' });
  });
});

describe('names', () => {
  test.each<[string, string[], string[], string | null]>([
    [
      "first and last name beat a lead's title",
      ['Lead Name', 'First name', 'Last name'],
      ['Website enquiry #33', 'Amal', 'Testperson'],
      'Amal Testperson',
    ],
    ['whose title is no name even where they are empty', ['Название лида', 'Имя', 'Фамилия'], ['Звонок', '', ''], null],
    ['a title is better than none', ['Lead Name'], ['Amal'], 'Amal'],
    [
      'a full name beats the halves',
      ['Name', 'First Name', 'Last Name'],
      ['Ali bin Hassan', 'Ali', 'Hassan'],
      'Ali bin Hassan',
    ],
    ['Vorname;Name', ['Vorname', 'Name'], ['Anna', 'Test'], 'Anna Test'],
    ['Nombre;Apellidos', ['Nombre', 'Apellidos'], ['Ana', 'García López'], 'Ana García López'],
    ['Nom alone', ['Nom'], ['Anne Test'], 'Anne Test'],
  ])('%s', (_, header, cells, name) => {
    expect(read([...header, 'Phone'], [...cells, PHONE])).toMatchObject({ name });
  });
});

describe('tags', () => {
  test.each<[string, string, string[]]>([
    ["Google's contacts", '* myContacts ::: Buyers, Dubai ::: Marina', ['myContacts', 'Buyers, Dubai', 'Marina']],
    ['Mailchimp', '"VIP","Buyers, Dubai"', ['VIP', 'Buyers, Dubai']],
    ['semicolons', 'VIP; Marina;VIP', ['VIP', 'Marina']],
    ['commas, bars and lines', 'a, b|c\nd', ['a', 'b', 'c', 'd']],
    ['a list of a program', '["a","b"]', ['a', 'b']],
  ])('%s', (_, cell, tags) => {
    expect(read(['Phone', 'Labels'], [PHONE, cell])).toMatchObject({ tags });
  });
});

describe('values', () => {
  test('empty cells and what people write for nothing say nothing', () => {
    const header = ['Phone', 'Name', 'Email', 'Company', 'Source', 'Notes'];
    expect(read(header, [PHONE, ' ', 'N/A', '-', 'null', ''])).toEqual({ phone: PHONE, ...NOTHING_ELSE });
  });

  test('lines and joiners of a text survive, blanks and direction marks do not', () => {
    const read1 = read(['Phone', 'Name', 'Notes'], [PHONE, '\u202aمی\u200cخواهم  x\u202c', 'one\ntwo\u200b']);
    expect(read1).toMatchObject({ name: 'می\u200cخواهم x', notes: 'one\ntwo' });
  });

  test('a formula guard is taken off again', () => {
    expect(read(['Phone', 'Name'], [PHONE, "'=HYPERLINK(1)"])).toMatchObject({ name: '=HYPERLINK(1)' });
  });

  test.each(['ali', 'ali@', '@x.com', 'ali@x', 'a b@x.com', 'a@x..com', 'farid@example,com'])(
    '%j is no e-mail address: it is left out and said, the lead stays',
    (email) => {
      const { lead, warnings } = reading(['Phone', 'E-mail'], [PHONE, email]);
      expect(lead).toEqual({ phone: PHONE, ...NOTHING_ELSE });
      expect(warnings).toMatchObject([{ code: 'email_invalid', column: 'E-mail', value: email }]);
    },
  );

  test.each([
    ['a@x.com, b@x.com', 'a@x.com'],
    ['bad ::: b@x.com', 'b@x.com'],
    ['mailto:a@x.com', 'a@x.com'],
    ['Ali Hassan <A@x.com>', 'a@x.com'],
  ])('the address in %j is %s', (cell, email) => {
    expect(read(['Phone', 'E-mail'], [PHONE, cell])).toMatchObject({ email });
  });

  test('a bad address hides no good one in another column', () => {
    expect(read(['Phone', 'Email', 'Email 2'], [PHONE, 'ali@', 'ali@x.com'])).toMatchObject({ email: 'ali@x.com' });
  });

  test('addresses are compared in lower case', () => {
    expect(read(['Phone', 'E-mail'], [PHONE, ' Ali.H+x@Example.COM '])).toMatchObject({ email: 'ali.h+x@example.com' });
  });

  test('a pasted document is refused, and shown in short', () => {
    const refused = read(['Phone', 'Name'], [PHONE, '😀'.repeat(150)]);
    expect(refused).toMatchObject({
      code: 'value_too_long',
      column: 'Name',
      value: expect.stringMatching(/^😀{1,200}…?$/u),
    });
  });
});

describe('ragged rows', () => {
  test('fewer cells than headers are empty cells', () => {
    expect(read(['Phone', 'Name', 'Email'], [PHONE])).toEqual({ phone: PHONE, ...NOTHING_ELSE });
  });

  test('more cells are a shifted row, unless they are empty', () => {
    expect(read(['Phone', 'Name'], [PHONE, 'Ali', '', ' '])).toMatchObject({ name: 'Ali' });
    expect(read(['Phone', 'Name'], [PHONE, 'Ali', 'Hassan'])).toMatchObject({ code: 'too_many_cells', column: null });
  });
});
