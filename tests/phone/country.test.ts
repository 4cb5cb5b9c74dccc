/** Countries as forms, CRMs and people write them beside a number. */
import { getCountries, getCountryCallingCode } from 'libphonenumber-js/max';
import { describe, expect, test } from 'vitest';
import { type Country, readCountry } from '../../lib/phone/index.ts';

const countryIn = (text: string) => {
  const read = readCountry(text);
  return 'country' in read ? read.country : read;
};

describe('is understood', () => {
  test.each<[country: Country, ...texts: string[]]>([
    [
      'SA',
      '+966',
      '966',
      '00966',
      '(+966)',
      '966.0',
      '+ 966',
      'SA',
      'sa',
      'SAU',
      'KSA',
      'K.S.A.',
      'Saudi Arabia',
      'SAUDI ARABIA',
      'Saudi',
    ],
    [
      'SA',
      'Kingdom of Saudi Arabia',
      'السعودية',
      'المملكة العربية السعودية',
      'Саудовская Аравия',
      'Saudi-Arabien',
      'Arabie saoudite',
      '🇸🇦',
    ],
    [
      'AE',
      'UAE',
      'U.A.E.',
      'Emirates',
      'United Arab Emirates (+971)',
      'AE +971',
      'Dubai, UAE',
      'الإمارات العربية المتحدة',
      'الامارات',
      'ОАЭ',
      'VAE',
    ],
    [
      'GB',
      'UK',
      'U.K.',
      'GB',
      'Great Britain',
      'England',
      'United Kingdom',
      'Vereinigtes Königreich',
      'Royaume-Uni',
      'المملكة المتحدة',
    ],
    [
      'US',
      'US',
      'USA',
      'U.S.A.',
      'United States',
      'United States of America',
      'Estados Unidos',
      'EE. UU.',
      'США',
      '+1',
      '1',
    ],
    [
      'DE',
      'Germany',
      'Deutschland',
      'DEUTSCHLAND',
      'Allemagne',
      'Alemania',
      'Alemanha',
      'Германия',
      'ألمانيا',
      'जर्मनी',
      'Almanya',
      '49',
    ],
    ['TR', 'Turkey', 'Türkiye', 'Turkiye', 'Türkei'],
    ['KR', 'South Korea', 'Korea, Republic of', 'Republic of Korea'],
    ['IR', 'Iran', 'Iran, Islamic Republic of', 'ایران'],
    ['CI', "Côte d'Ivoire", 'Cote d’Ivoire', 'Ivory Coast'],
    ['LC', 'St. Lucia', 'Saint Lucia', '+1 758', '1-758', '+1758'],
    ['BB', '+1-246', '+1 (246)', 'Barbados'],
    ['KZ', '+77', 'Kazakhstan', 'Қазақстан'],
    ['RU', '+7', '7', 'Russian Federation', 'Россия', 'РФ'],
    ['BA', 'Bosnia & Herzegovina', 'Bosnia and Herzegovina'],
    ['NO', 'NO', 'Norge', 'Norway'], // and not no
    ['NL', 'The Netherlands', 'Holland', 'Nederland'],
    ['IN', 'India', 'IN', 'भारत', 'India (+91)', '91'],
  ])('%s', (country, ...texts) => {
    expect(texts.map((text) => [text, countryIn(text)])).toEqual(texts.map((text) => [text, country]));
  });

  test('every ISO code, English name and calling code', () => {
    const english = new Intl.DisplayNames('en', { type: 'region' });
    for (const country of getCountries()) {
      expect([country, countryIn(country)]).toEqual([country, country === 'NA' ? { unknown: true } : country]);
      expect(countryIn(english.of(country) as string)).toBe(country);
      const byCode = countryIn(`+${getCountryCallingCode(country)}`) as Country;
      expect(getCountryCallingCode(byCode)).toBe(getCountryCallingCode(country));
    }
  });

  test('a name in the language of a country is that country or nobody’s, never another', () => {
    const languages = [
      'ar',
      'ru',
      'de',
      'es',
      'pt',
      'fr',
      'hi',
      'tr',
      'fa',
      'ur',
      'id',
      'zh',
      'ja',
      'it',
      'pl',
      'uk',
      'he',
      'sw',
      'vi',
      'bn',
    ];
    const shares = languages.map((language) => {
      const names = new Intl.DisplayNames(language, { type: 'region' });
      const read = getCountries().map((country) => [country, countryIn(names.of(country) as string)] as const);
      expect(read.filter(([country, found]) => typeof found === 'string' && found !== country)).toEqual([]);
      return read.filter(([country, found]) => found === country).length / read.length;
    });
    expect(Math.min(...shares)).toBeGreaterThan(0.97);
  });
});

test.each([
  'Narnia',
  'Dubai',
  'Kongo',
  'Lebanon/Syria',
  'Georgia, USA',
  'India +92',
  '+966 +971',
  'NA',
  '+999',
  '12345',
  'x'.repeat(500),
])('%j is no country, or more than one', (text) => {
  expect(readCountry(text)).toEqual({ unknown: true });
});

test.each(['', ' ', '-', 'n/a', 'N/A', 'none', 'null', '0', 'unknown', 'غير معروف'])('%j says nothing', (text) => {
  expect(readCountry(text)).toEqual({ none: true });
});
