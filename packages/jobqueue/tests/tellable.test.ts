/** The parts of an error that may go to logs and traces kept by others. */
import { expect, test } from 'vitest';
import fc from '../../../tests/support/property.ts';
import { scrubError } from '../src/core/scrub-error.ts';

const told = (message: string, ...data: unknown[]) => scrubError({ name: 'Error', message, attempt: 1 }, data).message;

test('the job’s texts and numbers are taken out of the message, the rest stays', () => {
  const payload = { to: '+971501234567', lead: { name: 'Mariam', city: 'Dubai' }, amount: 125_000, tags: ['vip1'] };
  expect(told('cannot send to +971501234567: Mariam of Dubai owes 125000 (vip1)', payload)).toBe(
    'cannot send to [data]: [data] of [data] owes [data] ([data])',
  );
  expect(told('the provider answered 503', payload)).toBe('the provider answered 503');
  expect(told('cursor 998877 is gone', null, { cursor: 998_877 })).toBe('cursor [data] is gone');
});

test('a value that the message quotes as JSON, whole or in part, is taken out too', () => {
  const text = `Dear "Mariam",\nyour appointment is on Tuesday at ten, in the clinic of Doctor Aziz. ${'Bring this. '.repeat(300)}`;
  expect(told(`bad body ${JSON.stringify({ text })}`, { text })).not.toContain('Mariam');
  expect(told(`too long: ${text.slice(0, 200)}…`, { text })).toBe('too long: [data]');
});

test('of two values the one that holds the other goes first', () => {
  expect(told('no user mariam@example.com', { a: 'mariam', b: 'mariam@example.com' })).toBe('no user [data]');
});

test('a message is withheld where a payload holds more values than can be looked for', () => {
  expect(told('lead 4711', { rows: Array.from({ length: 200_000 }, (_, n) => n) })).toContain('withheld');
});

test('name and code stay, stack and issues do not', () => {
  const error = { name: 'TypeError', message: 'x', attempt: 2, code: 'E_X', stack: 'at secret', issues: [] };
  expect(scrubError(error, [])).toEqual({ name: 'TypeError', message: 'x', code: 'E_X' });
});

test('whatever the payload, its texts never stand in what is told, and that is bounded', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 7, maxLength: 100 }), { maxLength: 10 }),
      fc.string(),
      (values, words) => {
        const said = told(`${words}${values.join(words)}`, { values });
        for (const value of values) expect(said.includes(value) && !'[data]'.includes(value)).toBe(false);
        expect(Buffer.byteLength(said)).toBeLessThanOrEqual(500);
      },
    ),
  );
});
