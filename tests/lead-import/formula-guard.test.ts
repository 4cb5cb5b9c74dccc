/** The apostrophe of the error file: there where a spreadsheet would compute, gone again when the file comes back. */
import { expect, test } from 'vitest';
import { guard, unguard } from '../../lib/csv/formula-guard.ts';
import fc from '../support/property.ts';

const cell = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('=', '+', '-', '@', '\t', '\r', '\n', "'", ' ', '＝', '1', 'a') }),
);

test('what was guarded comes back as it was', () => {
  fc.assert(fc.property(cell, (text) => unguard(guard(text)) === text));
});

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '＝1', '＋1', '－1', '＠A1', "'=1"])(
  'a spreadsheet never computes %j',
  (text) => {
    expect(guard(text)).toBe(`'${text}`);
  },
);

test.each(['', 'Ali', "O'Neil", "'Abd", '+971501234567', '3-4', 'a=b'])('%j stays as it is', (text) => {
  expect(guard(text)).toBe(text);
  expect(unguard(text)).toBe(text);
});
