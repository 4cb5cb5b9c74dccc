/** The code and the database agree about which numbers can be stored, so no number is accepted first and refused at the insert. */
import { getCountries, getExampleNumber, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { E164, isStorablePhone, readPhone } from '../../lib/phone/index.ts';
import { connect, type Database } from '../../packages/jobqueue/src/postgres/connect.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let fresh: TestDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = connect(fresh.url);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

test('every table that stores numbers has the pattern of the code as its constraint', async () => {
  const tables = await database.execute<{ table: string; pattern: string | null }>({
    text: `
      select c.relname as table, substring(pg_get_constraintdef(k.oid) from $$phone_e164 ~ '([^']+)'$$) as pattern
      from pg_attribute a
      join pg_class c on c.oid = a.attrelid and c.relkind = 'r'
      left join pg_constraint k on k.conrelid = c.oid and k.contype = 'c' and pg_get_constraintdef(k.oid) like '%phone_e164 ~ %'
      where a.attname = 'phone_e164'
      order by 1`,
    params: [],
  });
  const patterns = Object.fromEntries(tables.map(({ table, pattern }) => [table, pattern]));
  expect(patterns).toEqual({
    conversations: E164.source,
    import_rows: null, // the numbers of leads
    leads: E164.source,
    opt_outs: E164.source,
    portfolio_people: null, // the numbers of recipients
    recipients: E164.source,
    whatsapp_users: E164.source,
  });
});

test('Postgres and the code read the pattern alike', async () => {
  const cases = [
    ...[
      '',
      '+',
      '+1234',
      '+12345',
      '+123456789012345',
      '+1234567890123456',
      '+0123456',
      '12345678',
      '+12345a',
      '+12345\n',
    ],
    ...[
      '+٩٧١٥٠١٢٣٤٥٦٧',
      '+971 501234567',
      '+4930123456123457',
      ...getCountries().flatMap((country) => exampleOf(country)),
    ],
  ];
  const answers = await database.execute<{ phone: string; fits: boolean }>({
    text: 'select phone, phone ~ $2 as fits from jsonb_array_elements_text($1::jsonb) as phone',
    params: [JSON.stringify(cases), E164.source],
  });
  expect(answers).toEqual(cases.map((phone) => ({ phone, fits: isStorablePhone(phone) })));
});

test('a number that libphonenumber calls valid and the database refuses is refused as what it is', () => {
  const tooLong = '+49 30 123456 123457';
  expect(parsePhoneNumberFromString(tooLong)?.isValid()).toBe(true);
  const said = expect.stringMatching(/16 digits/);
  for (const written of [tooLong, '0049 30 123456 123457', '030 123456 123457'])
    expect(readPhone(written, { country: 'DE' })).toEqual({ refused: 'phone_invalid', said });
});

function exampleOf(country: Parameters<typeof getExampleNumber>[0]): string[] {
  const example = getExampleNumber(country, examples);
  return example ? [example.number] : [];
}
