/** The name that a message begins with is the first name, in whatever order and with whatever titles a file wrote it. */
import { expect, test } from 'vitest';
import { firstNameOf } from '../../lib/campaigns/campaign-send/first-name.ts';

test.each([
  ['Ann Example', null, 'Ann'],
  ['  Ann  ', null, 'Ann'],
  ['Lopez, María', null, 'María'],
  ['de la Cruz,Juan Carlos', null, 'Juan'],
  ["O'Brien, Séan", null, 'Séan'],
  ['الهاشمي، فاطمة', null, 'فاطمة'],
  ['Lopez,', null, 'Lopez'],
  ['John Smith, Jr.', null, 'John'],
  ['John Smith, Ph.D.', null, 'John'],
  ['John Smith, III', null, 'John'],
  ['Jane Doe, M.D.', null, 'Jane'],
  ['Dr. Anna Klein', null, 'Anna'],
  ['Frau Dr. Anna Klein', null, 'Anna'],
  ['Klein, Dr. Anna', null, 'Anna'],
  ['Mr Smith', null, 'Smith'],
  ['Dr.', null, 'Dr.'],
  ['Don Johnson', null, 'Don'],
  ['María José Lopez', 'María José', 'María José'],
  ['Lopez María', 'María', 'María'],
  ['Bob Jones', 'María', 'Bob'], // the name was changed since, its parts were not
  ['', null, null],
  ['  ', null, null],
  [null, 'María', null],
  [null, null, null],
])('the first name of %j, of which %j is known apart, is %j', (name, givenName, first) => {
  expect(firstNameOf({ name, givenName })).toBe(first);
});
