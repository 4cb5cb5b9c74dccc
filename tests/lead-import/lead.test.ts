/** One row at a time: which cells become which fields, and what refuses a row. */
import { describe, expect, test } from 'vitest';
import { mapColumns } from '../../lib/jobs/lead-import/columns.ts';
import { readLead } from '../../lib/jobs/lead-import/lead.ts';

function read(header: string[], cells: string[]) {
  return readLead(cells, { header, columns: mapColumns(header) }, 'AE');
}

const NOTHING_ELSE = { name: null, email: null, source: null, organisation: null, notes: null, tags: null };
const PHONE = '+971501234567';

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

  test('a wrong number is refused even where another column has a right one: which is meant would be a guess', () => {
    expect(read(['Phone 1', 'Phone 2'], ['0501', '0502222222'])).toMatchObject({
      code: 'phone_invalid',
      column: 'Phone 1',
    });
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

  test.each(['ali', 'ali@', '@x.com', 'ali@x', 'a b@x.com', 'a@x.com, b@x.com', 'a@x..com'])(
    '%j is no e-mail address',
    (email) => {
      const code = 'email_invalid';
      expect(read(['Phone', 'E-mail'], [PHONE, email])).toMatchObject({ code, column: 'E-mail', value: email });
    },
  );

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
