/** Every country's mobiles under every default country: a number is read right or refused, and never becomes another number. */
import {
  type CountryCode,
  getCountries,
  getExampleNumber,
  type PhoneNumber,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import { describe, expect, test } from 'vitest';
import { readPhone } from '../../lib/phone/index.ts';

const COUNTRIES = getCountries();

/** Mulberry32: the same numbers in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** The example of a country, and mobiles that differ from it in their last digits. None ends as if a spreadsheet had rounded it. */
function mobilesOf(country: CountryCode, many: number, random: (below: number) => number): PhoneNumber[] {
  const example = getExampleNumber(country, examples) as PhoneNumber;
  const found = example.number.endsWith('000000') ? [] : [example];
  for (let tries = 0; found.length < many && tries < many * 50; tries++) {
    const kept = example.nationalNumber.length - 3 - random(Math.max(1, example.nationalNumber.length - 4));
    const digits = Array.from({ length: example.nationalNumber.length - kept }, () => random(10)).join('');
    const number = parsePhoneNumberFromString(
      `+${example.countryCallingCode}${example.nationalNumber.slice(0, kept)}${digits}`,
    );
    const type = number?.getType();
    if (number?.number.endsWith('000000')) continue;
    if (number?.country === country && (type === 'MOBILE' || type === 'FIXED_LINE_OR_MOBILE')) found.push(number);
  }
  return found;
}

/** Ways to write a number that say its country. */
const abroad = {
  'as a wa_id, which is E.164 without plus': ({ number }) => number.slice(1),
  'in E.164': ({ number }) => number,
  'in groups': (number) => number.formatInternational(),
  'in groups without plus': (number) => number.formatInternational().slice(1),
  'with 00': ({ number }) => `00${number.slice(1)}`,
  'with 00, in groups': (number) => number.formatInternational().replace('+', '00 '),
  'with the country code in brackets': ({ countryCallingCode, nationalNumber }) =>
    `(+${countryCallingCode}) ${nationalNumber}`,
  'with the trunk prefix in brackets': (number) =>
    number.formatInternational().replace(' ', number.formatNational().startsWith('0') ? ' (0)' : ' '),
} satisfies Record<string, (number: PhoneNumber) => string>;

/** Ways that leave the country to whoever reads it. */
const atHome = {
  'in groups': (number) => number.formatNational(),
  'without separators': (number) => number.formatNational().replace(/\D/g, ''),
  'without trunk prefix, as spreadsheets leave it': ({ nationalNumber }) => nationalNumber,
} satisfies Record<string, (number: PhoneNumber) => string>;

const numbers = COUNTRIES.flatMap((country, seed) => mobilesOf(country, 4, seeded(seed)));

/** Share of numbers that are read right. Throws nothing, and lists those that became another number. */
function readUnder(write: (number: PhoneNumber) => string, countriesOf: (number: PhoneNumber) => CountryCode[]) {
  const wrong: string[] = [];
  let right = 0;
  let all = 0;
  for (const number of numbers)
    for (const country of countriesOf(number)) {
      const read = readPhone(write(number), { country });
      all++;
      if (!('phone' in read)) continue;
      if (read.phone === number.number) right++;
      else wrong.push(`${write(number)} of ${number.country} under ${country} became ${read.phone}`);
    }
  return { wrong, share: right / all };
}

test('every country takes part, and is a default', () => {
  expect(new Set(numbers.map(({ country }) => country)).size).toBe(COUNTRIES.length);
  const random = seeded(1);
  expect(new Set(numbers.flatMap(() => someCountries(random))).size).toBe(COUNTRIES.length);
});

/** Two of all are enough for each number: all numbers meet every one. */
function someCountries(random: (below: number) => number): CountryCode[] {
  return [0, 1].map(() => COUNTRIES[random(COUNTRIES.length)] as CountryCode);
}

describe('a number that is written for abroad is never read as another one, and hardly ever refused', () => {
  test.each(Object.entries(abroad))('%s, under any country', (_, write) => {
    const random = seeded(1);
    const { wrong, share } = readUnder(write, () => someCountries(random));
    expect(wrong).toEqual([]);
    expect(share).toBeGreaterThan(0.95);
  });

  test.each(Object.entries(abroad))('%s, under its own country', (_, write) => {
    const { wrong, share } = readUnder(write, ({ country }) => [country as CountryCode]);
    expect(wrong).toEqual([]);
    expect(share).toBeGreaterThan(0.995);
  });
});

describe('a number that is written as at home is never read as another one there, and hardly ever refused', () => {
  test.each(Object.entries(atHome))('%s', (_, write) => {
    const { wrong, share } = readUnder(write, ({ country }) => [country as CountryCode]);
    expect(wrong).toEqual([]);
    expect(share).toBeGreaterThan(0.985);
  });
});

/** Written by somebody who dials from elsewhere, or by a form that puts the code in front of the code. */
const clumsy = {
  'with one zero for the plus': ({ number }) => `0${number.slice(1)}`,
  'with the country code twice': ({ countryCallingCode, number }) => `+${countryCallingCode}${number.slice(1)}`,
  'with 011': ({ number }) => `011${number.slice(1)}`,
  'with 0011': ({ number }) => `0011${number.slice(1)}`,
  'with its code behind it': ({ countryCallingCode, nationalNumber }) => `${nationalNumber} (+${countryCallingCode})`,
} satisfies Record<string, (number: PhoneNumber) => string>;

describe('a number that is written clumsily is read right or refused in its own country', () => {
  test.each(Object.entries(clumsy))('%s', (_, write) => {
    expect(readUnder(write, ({ country }) => [country as CountryCode]).wrong).toEqual([]);
  });
});

/** A second number, or the end of one. */
const joined = {
  'a slash and a digit': (text) => `${text}/8`,
  'a slash and four digits': (text) => `${text} / 8901`,
  'a dash and a digit': (text) => `${text}-8`,
  'a dash between blanks and two digits': (text) => `${text} - 89`,
  'a digit in brackets': (text) => `${text} (8)`,
  'a comma and two digits': (text) => `${text}, 88`,
  'a word and two digits': (text) => `${text} و ٨٨`,
  'its neighbour behind a blank': (text) => `${text} ${text.replace(/\d$/, (last) => `${(Number(last) + 1) % 10}`)}`,
} satisfies Record<string, (text: string) => string>;

describe('a number and what is joined to it are never read as one number', () => {
  test.each(Object.entries(joined))('%s', (_, join) => {
    const { wrong, share } = readUnder(
      (number) => join(number.formatNational()),
      ({ country }) => [country as CountryCode],
    );
    expect([wrong, share]).toEqual([[], 0]);
  });
});

test('what is refused is refused with the reading that it has', () => {
  const random = seeded(2);
  const doubtful = numbers.flatMap((number) =>
    someCountries(random).flatMap((country) => {
      const read = readPhone(number.number.slice(1), { country });
      return 'refused' in read ? [read] : [];
    }),
  );
  expect(doubtful.length).toBeGreaterThan(10);
  for (const { refused, said } of doubtful) {
    if (refused === 'phone_ambiguous') expect(said).toMatch(/^this can be \+.+ or \+/);
    else expect([refused, said]).toEqual(['phone_invalid', expect.stringMatching(/if \+.+ is meant, write it so$/)]);
  }
});
