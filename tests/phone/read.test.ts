/** Phone cells as spreadsheets, people, programs and forms write them. */
import { describe, expect, test } from 'vitest';
import { type Country, type PhoneReading, phoneOfWaId, readPhone } from '../../lib/phone/index.ts';
import { isStorableText } from '../../packages/jobqueue/src/core/serialize.ts';

function phoneIn(cell: string, country: Country = 'AE', beside?: string): string | PhoneReading {
  const read = readPhone(cell, { country, beside });
  return 'phone' in read ? read.phone : read;
}

describe('is read', () => {
  test.each<[cell: string, country: Country, phone: string]>([
    ['0501234567', 'AE', '+971501234567'],
    ['050 123 4567', 'AE', '+971501234567'],
    ['971501234567', 'AE', '+971501234567'],
    ['00971501234567', 'AE', '+971501234567'],
    ['+971 (0)50 123 4567', 'AE', '+971501234567'],
    ['(+971) 50 123 4567', 'AE', '+971501234567'],
    ['+00971 50 123 4567', 'AE', '+971501234567'],
    ['501234567', 'AE', '+971501234567'],
    ['٠٥٠١٢٣٤٥٦٧', 'AE', '+971501234567'],
    ['۰۵۰۱۲۳۴۵۶۷', 'AE', '+971501234567'],
    ['०५०१२३४५६७', 'AE', '+971501234567'],
    ['০৫০১২৩৪৫৬৭', 'AE', '+971501234567'],
    ['๐๕๐๑๒๓๔๕๖๗', 'AE', '+971501234567'],
    ['٩٧١٥٠١٢٣٤٥٦٧+', 'US', '+971501234567'], // from right to left the plus is typed last
    ['＋９７１５０１２３４５６７', 'US', '+971501234567'],
    ['\u202a+971501234567\u202c', 'AE', '+971501234567'],
    ['0501\u200b234\u200d567\u00a0', 'AE', '+971501234567'],
    ['050‑123–4567', 'AE', '+971501234567'],
    ["'+971501234567", 'AE', '+971501234567'],
    ["'0501234567", 'AE', '+971501234567'],
    ['="0501234567"', 'AE', '+971501234567'],
    ['=+971501234567', 'AE', '+971501234567'],
    ['"0501234567"', 'AE', '+971501234567'],
    ['«+971501234567»', 'AE', '+971501234567'],
    ['tel:+971501234567', 'US', '+971501234567'],
    ['p:+971501234567', 'US', '+971501234567'],
    ['+971501234567 (WhatsApp)', 'US', '+971501234567'],
    ['+971501234567 (UAE)', 'DE', '+971501234567'],
    ['0501234567 UAE', 'AE', '+971501234567'],
    ['+44 7911 123456 (UK)', 'AE', '+447911123456'], // Guernsey's, which has the code of the United Kingdom
    ['WhatsApp: 0501234567', 'AE', '+971501234567'],
    ['جوال: ٠٥٠١٢٣٤٥٦٧', 'AE', '+971501234567'],
    ['моб. 8 (916) 123-45-67', 'RU', '+79161234567'],
    ['https://wa.me/971501234567?text=Hi%20there%202', 'US', '+971501234567'],
    ['https://api.whatsapp.com/send?phone=%2B971501234567', 'US', '+971501234567'],
    ['971501234567@c.us', 'US', '+971501234567'],
    ['971501234567.0', 'AE', '+971501234567'],
    ['971501234567,00', 'AE', '+971501234567'],
    ['971,501,234,567', 'AE', '+971501234567'],
    ['0501234567 ext. 5', 'AE', '+971501234567'],
    ['022 2345 6789', 'IN', '+912223456789'], // Mumbai, though +222 2345 6789 is a mobile of Mauritania
    ['985.939.5411x2641', 'US', '+19859395411'],
    ['(850)241-9883x021', 'US', '+18502419883'],
    ['8 (495) 123-45-67 доб. 9', 'RU', '+74951234567'],
    ['tel:+4930123456;ext=9', 'DE', '+4930123456'],
    ['001-672-799-2170x5610', 'AE', '+16727992170'],
    ['001-672-799-2170x5610', 'US', '+16727992170'],
    ['00971501234567', 'US', '+971501234567'],
    ['00 971 50 123 4567', 'US', '+971501234567'],
    ['011 971 50 123 4567', 'US', '+971501234567'],
    ['030/1234567', 'DE', '+49301234567'],
    ['0171/1234577', 'DE', '+491711234577'],
    ['+49 171/1234577', 'AE', '+491711234577'],
    ['+39 (0)333 1234567', 'IT', '+393331234567'],
    ['+39 06 1234 5678', 'IT', '+390612345678'],
    ['+971501234567 ::: 050 123 4567', 'AE', '+971501234567'], // one number, twice
  ])('%s in %s', (cell, country, phone) => {
    expect(phoneIn(cell, country)).toBe(phone);
  });
});

describe('digits without a plus', () => {
  test.each<[digits: string, country: Country, phone: string]>([
    ['491711234567', 'DE', '+491711234567'], // and not +49 49171…, which no phone is
    ['971501234567', 'DE', '+971501234567'],
    ['6281212345678', 'ID', '+6281212345678'],
    ['14155552671', 'AE', '+14155552671'],
    ['9715551234', 'US', '+19715551234'], // Oregon, whose area code is the country code of the Emirates
    ['1711234567', 'DE', '+491711234567'],
    ['81212345678', 'ID', '+6281212345678'], // and not a fixed line of Japan
    ['(479) 555-1234', 'US', '+14795551234'], // grouped as at home; without groups it can be Norwegian
    ['47 95 55 12 34', 'US', '+4795551234'],
    ['(495) 123-21-52', 'RU', '+74951232152'], // grouped as behind Russia's code; +49 5123 2152 is German
    ['0971501234567', 'AE', '+971501234567'], // one zero for the plus
    ['011971501234567', 'AE', '+971501234567'], // dialled from the United States
    ['0011971501234567', 'AE', '+971501234567'], // dialled from Australia
    ['701234567', 'CI', '+2250701234567'], // a spreadsheet dropped a zero that is part of the number
    ['68222818', 'CG', '+242068222818'], // and not a fixed line of the Cook Islands
  ])('%s in %s', (digits, country, phone) => {
    expect(phoneIn(digits, country)).toBe(phone);
  });

  test.each<[digits: string, country: Country, abroad: string]>([
    ['(453)363-9857', 'US', '+45 33 63 98 57'],
    ['390.693.4617', 'US', '+39 06 934617'],
    ['241-333-5573', 'US', '+241 3 33 55 73'],
    ['4953467238', 'US', '+49 5346 7238'],
    ['5354441465', 'US', '+53 5 4441465'],
  ])('%s in %s looks like a home number with a mistake', (digits, country, abroad) => {
    const said = expect.stringContaining(`if ${abroad} is meant, write it so`);
    expect(phoneIn(digits, country)).toEqual({ refused: 'phone_invalid', said });
  });

  test.each<[digits: string, country: Country, said: RegExp]>([
    ['6857836533', 'PK', /\+685 78 36533 or \+92 68 57836533/], // a fixed line that lost its zero
    ['00917636415964', 'KH', /\+91 7636 415 964 or \+1 763 641 5964/], // Cambodia also dials out with 009
    ['4795551234', 'US', /\+47 95 55 12 34 or \+1 479 555 1234/],
    ['84951234567', 'RU', /\+84 951 234 567 or \+7 495 123 45 67/],
    ['15732345678', 'DE', /\+1 573 234 5678 or \+49 1573 2345678/],
    ['0971501234567', 'DE', /\+49 971 501234567 or \+971 50 123 4567/], // no fixed line has as many digits, but the plan takes it
    ['0971 501234567', 'DE', /\+49 971 501234567 or \+971 50 123 4567/],
    ['0491711234567', 'DE', /\+49 491 711234567 or \+49 171 1234567/],
    ['00112203010351', 'SA', /\+1 220 301 0351 or \+220 301 0351/],
    ['+49491711234567', 'AE', /\+49 491 711234567 or \+49 171 1234567/], // a form put the code in front of the code
    ['0049491711234567', 'DE', /\+49 491 711234567 or \+49 171 1234567/],
  ])('%s in %s is two numbers', (digits, country, said) => {
    expect(phoneIn(digits, country)).toEqual({
      refused: 'phone_ambiguous',
      said: expect.stringMatching(said),
    });
  });
});

describe('the country that counts', () => {
  test.each<[cell: string, beside: string, phone: string, from: string]>([
    ['0500001043', 'Saudi Arabia', '+966500001043', 'beside'],
    ['500001152', '+966', '+966500001152', 'beside'],
    ['0550001153', '966', '+966550001153', 'beside'],
    ['9876501154', '91', '+919876501154', 'beside'],
    ['7911 001155', '44', '+447911001155', 'beside'],
    ['971500001151', '+971', '+971500001151', 'number'],
    ['4795551234', '+1', '+14795551234', 'beside'], // the code stands beside, so it is not in the number as well
    ['2501234', '+1-246', '+12462501234', 'beside'],
    ['+971500001043', 'Saudi Arabia', '+971500001043', 'number'],
    ['+971500001043', 'Narnia', '+971500001043', 'number'],
    ['00971500001043', 'Narnia', '+971500001043', 'number'],
    ['0500001043', 'n/a', '+971500001043', 'default'],
    ['0500001043', '', '+971500001043', 'default'],
  ])('%s beside %j', (cell, beside, phone, countryFrom) => {
    expect(readPhone(cell, { country: 'AE', beside })).toMatchObject({ phone, countryFrom });
  });

  test('a code beside a number does not decide about a number that begins with the same code', () => {
    const said = expect.stringMatching(/\+49 491 5123456257 or \+49 1512 3456257/);
    expect(readPhone('04915123456257', { country: 'AE', beside: '+49' })).toEqual({ refused: 'phone_ambiguous', said });
  });

  test.each(['0500001043', '966500001043'])('%s beside a country that nobody knows is refused', (cell) => {
    const said = expect.stringMatching(/«Narnia»/);
    expect(readPhone(cell, { country: 'AE', beside: 'Narnia' })).toEqual({ refused: 'country_unknown', said });
  });
});

test.each([
  ...[
    '',
    ' ',
    '\u200e \u202a',
    '-',
    '—',
    '?',
    '0',
    '0000000000',
    '00',
    '0.0',
    '+',
    '()',
    '+971',
    '(+971)',
    '00971',
    '971',
  ],
  ...[
    'n/a',
    'N.A.',
    '#N/A',
    'null',
    'None',
    'no phone',
    'not available',
    'Not provided',
    'same as phone',
    'as above',
    'TBD',
  ],
  ...['keine', 'нет', 'не указан', 'لا يوجد', 'غير متوفر', 'ninguno', 'sin teléfono', 'aucun', 'não tem', 'yok', '无'],
])('%j says that there is no number', (cell) => {
  expect(readPhone(cell, { country: 'AE' })).toEqual({ none: true });
});

test('a message repeats what can be stored, and little of it', () => {
  const said = [
    readPhone('0501234567', { country: 'AE', beside: `\ud83d${'😀 no country\u0000 '.repeat(10_000)}` }),
    readPhone('0501234567 \ud83dwife\u0000', { country: 'AE' }),
    readPhone('0501234567\u0000,\ud83d 0501234568', { country: 'AE' }),
  ].map((read) => ('refused' in read ? read.said : ''));
  for (const text of said) {
    expect(text).toMatch(/«.+»/);
    expect(isStorableText(text)).toBe(true);
    expect(text.length).toBeLessThan(200);
  }
});

describe('more than one number', () => {
  test.each<[cell: string, country: Country, first: string]>([
    ['0171 1234567/8', 'DE', '+491711234567'],
    ['+49 171 1234567 / 8', 'DE', '+491711234567'],
    ['0812345684/85', 'TH', '+66812345684'],
    ['0812345684-85', 'TH', '+66812345684'],
    ['0171 1234567-8', 'DE', '+491711234567'],
    ['0171 123 45 67-8', 'DE', '+491711234567'],
    ['0171 1234567, 8', 'DE', '+491711234567'],
    ['0171 1234567 & 68', 'DE', '+491711234567'],
    ['0171 1234567 bis 69', 'DE', '+491711234567'],
    ['0171 1234567 (8)', 'DE', '+491711234567'],
    ['0501234567 / 0507654321', 'AE', '+971501234567'],
    ['0501234567; 0507654321', 'AE', '+971501234567'],
    ['+971501234567 ::: +971507654321', 'AE', '+971501234567'],
    ['0501234567\n0507654321', 'AE', '+971501234567'],
    ['0501234567\r\n0507654321', 'AE', '+971501234567'],
    ['0501234567 0507654321', 'AE', '+971501234567'],
    ['+971501234567+971507654321', 'AE', '+971501234567'],
    ['45361813 (+45)', 'DK', '+4545361813'], // of which +45 36 18 13 45 was made
    ['3187943#3181272', 'BQ', '+5993187943'], // no extension is as long
    ['0501234567 and 0507654321', 'AE', '+971501234567'],
    ['0501234567 oder 0507654321', 'AE', '+971501234567'],
    ['0501234567 или 0507654321', 'AE', '+971501234567'],
    ['٠٥٠١٢٣٤٥٦٧ و ٠٥٠٧٦٥٤٣٢١', 'AE', '+971501234567'],
    ['٠٥٠١٢٣٤٥٦٧و٠٥٠٧٦٥٤٣٢١', 'AE', '+971501234567'],
    ['۰۵۰۱۲۳۴۵۶۷، ۰۵۰۷۶۵۴۳۲۱', 'AE', '+971501234567'],
    ['०५०१२३४५६७ या ०५०७६५४३२१', 'AE', '+971501234567'],
    ['M: 0501234567 H: 04 300 1293', 'AE', '+971501234567'],
    ['050 123, 0507654321', 'AE', '+971507654321'], // the first good one
    ['0659 829778 - 89', 'AT', '+43659829778'], // of which the parser makes one, as of the next three
    ['0836-859-340 - 89', 'ID', '+62836859340'],
    ['92.30.78 92.30.79', 'NC', '+687923078'],
    ['030 1234567 0301235', 'DE', '+49301234567'],
  ])('%j: refused, or its first good one', (cell, country, first) => {
    const said = expect.stringMatching(/^expected one phone number, got «/);
    expect(phoneIn(cell, country)).toMatchObject({ refused: 'phone_ambiguous', said });
    expect(readPhone(cell, { country, several: 'first' })).toMatchObject({ phone: first });
  });

  test('a list without a good one is refused all the same', () => {
    expect(readPhone('0501, 0502', { country: 'AE', several: 'first' })).toMatchObject({ refused: 'phone_ambiguous' });
  });
});

describe('is refused with the reason', () => {
  test.each<[cell: string, code: string, said: RegExp]>([
    ['9.71501E+11', 'phone_damaged', /rounded/],
    ['9,71501E+11', 'phone_damaged', /rounded/],
    ['+9.71501e11', 'phone_damaged', /rounded/],
    ['971501000000', 'phone_damaged', /six zeros/],
    ['971,501,000,000', 'phone_damaged', /six zeros/],
    ['971501000000.0', 'phone_damaged', /six zeros/],
    ['971 501 000 000', 'phone_damaged', /six zeros/],
    ['971.501.000.000', 'phone_damaged', /six zeros/],
    ['2024-01-05', 'phone_damaged', /date/],
    ['05.01.2024', 'phone_damaged', /date/],
    ['1950-12-05 00:00:00', 'phone_damaged', /date/],
    ['0501234567 (KSA)', 'phone_invalid', /«KSA» beside it/],
    ['#######', 'phone_damaged', /wider than its column/],
    ['#NAME?', 'phone_damaged', /formula/],
    ['-1233646', 'phone_damaged', /calculated/],
    ['Call Ali', 'phone_invalid', /not a phone number/],
    ['0501234567 wife', 'phone_invalid', /«wife» beside it/],
    ['fax 0501234567', 'phone_invalid', /«fax» beside it/],
    ['0501', 'phone_invalid', /too short/],
    ['05012345678901234', 'phone_invalid', /too long/],
    ['+0501234567', 'phone_invalid', /country code/],
    ['+1 467 822 5701', 'phone_invalid', /no such number/],
    ['+49 30 123456 123457', 'phone_invalid', /16 digits; E.164 allows 15/],
    ['1) 0501234567', 'phone_ambiguous', /«1» and «0501234567»/],
    ['1'.repeat(60_000), 'phone_invalid', /too long/], // a pattern that backtracks over it would outlast the test
  ])('%j', (cell, refused, said) => {
    expect(phoneIn(cell)).toMatchObject({ refused, said: expect.stringMatching(said) });
  });

  test('six zeros that a person wrote are a number', () => {
    expect(phoneIn('+971501000000')).toBe('+971501000000');
    expect(phoneIn('050 1000000')).toBe('+971501000000');
  });
});

describe('numbers from before a country lengthened its own', () => {
  test.each([
    ['5215512345678', '+525512345678'],
    ['551187654321', '+5511987654321'],
    ['5511987654321', '+5511987654321'],
    ['971501234567', '+971501234567'],
  ])('the person whom WhatsApp calls %s is dialled as %s, and read so from a cell', (waId, phone) => {
    expect(phoneOfWaId(waId)).toBe(phone);
    expect(phoneIn(`+${waId}`)).toBe(phone);
    expect(phoneIn(waId)).toBe(phone);
  });

  test('at home too', () => {
    expect(phoneIn('(11) 8765-4321', 'BR')).toBe('+5511987654321');
  });
});
