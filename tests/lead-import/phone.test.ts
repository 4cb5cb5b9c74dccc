/** Phone cells as spreadsheets, people and exports write them. */
import type { CountryCode } from 'libphonenumber-js/max';
import { describe, expect, test } from 'vitest';
import { readPhone } from '../../lib/jobs/lead-import/phone.ts';

describe('becomes E.164', () => {
  test.each<[cell: string, country: CountryCode, phone: string]>([
    ['0501234567', 'AE', '+971501234567'],
    ['050 123 4567', 'AE', '+971501234567'],
    ['971501234567', 'AE', '+971501234567'],
    ['00971501234567', 'AE', '+971501234567'],
    ['+971 (0)50 123 4567', 'AE', '+971501234567'],
    ['٠٥٠١٢٣٤٥٦٧', 'AE', '+971501234567'],
    ['\u202a+971501234567\u202c', 'AE', '+971501234567'],
    ['0501\u200b234\u200d567\u00a0', 'AE', '+971501234567'],
    ["'+971501234567", 'AE', '+971501234567'],
    ["'0501234567", 'AE', '+971501234567'],
    ['="0501234567"', 'AE', '+971501234567'],
    ['=+971501234567', 'AE', '+971501234567'],
    ['tel:+971501234567', 'US', '+971501234567'],
    ['p:+971501234567', 'US', '+971501234567'],
    ['971501234567.0', 'AE', '+971501234567'],
    ['0501234567 ext. 5', 'AE', '+971501234567'],
    ['985.939.5411x2641', 'US', '+19859395411'],
    ['(850)241-9883x021', 'US', '+18502419883'],
    ['001-672-799-2170x5610', 'AE', '+16727992170'],
    ['001-672-799-2170x5610', 'US', '+16727992170'],
    ['00971501234567', 'US', '+971501234567'],
    ['00 971 50 123 4567', 'US', '+971501234567'],
    ['011 971 50 123 4567', 'US', '+971501234567'],
  ])('%s in %s', (cell, country, phone) => {
    expect(readPhone(cell, country)).toEqual({ phone });
  });
});

describe('is refused with the reason', () => {
  test.each<[cell: string, code: string, message: RegExp]>([
    ['', 'phone_missing', /no phone number/],
    ['n/a', 'phone_missing', /no phone number/],
    ['\u200e \u202a', 'phone_missing', /no phone number/],
    ['9.71501E+11', 'phone_damaged', /rounded/],
    ['9,71501E+11', 'phone_damaged', /rounded/],
    ['0501234567 / 0507654321', 'phone_ambiguous', /more than one/],
    ['0501234567; 0507654321', 'phone_ambiguous', /more than one/],
    ['Call Ali', 'phone_invalid', /not a phone number/],
    ['0501', 'phone_invalid', /too short/],
    ['05012345678901234', 'phone_invalid', /too long/],
    ['+1 467 822 5701', 'phone_invalid', /no such number/],
    ['1'.repeat(60_000), 'phone_invalid', /too long/], // a pattern that backtracks over it would outlast the test
    ['14155552671', 'phone_invalid', /read as a number of AE/], // a plus would be a guess
  ])('%j', (cell, code, message) => {
    expect(readPhone(cell, 'AE')).toEqual({ code, message: expect.stringMatching(message) });
  });
});
