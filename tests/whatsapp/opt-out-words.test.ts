/** The words by which people stop messages, in the languages of the product. */
import { describe, expect, test } from 'vitest';
import { asksToResume, asksToStop, isKeyword, normalised } from '../../lib/messaging/opt-out-words.ts';

const typed = (text: string, companyWords: string[] = []) =>
  asksToStop({ text, chosenId: null, isChoice: false }, companyWords);
const tapped = (text: string, chosenId: string | null = null, companyWords: string[] = []) =>
  asksToStop({ text, chosenId, isChoice: true }, companyWords);

test.each([
  'STOP',
  'Stop.',
  ' stop!! 🛑',
  '«stop»',
  'stop 🙏🏽',
  'S​T​O​P',
  'ＳＴＯＰ',
  'STOP STOP',
  'stop 2',
  '*STOP*',
  'STOP\n\n',
  'stopall',
  'Stop all',
  'unsubscribe',
  'cancel',
  'End',
  'quit',
  'remove me',
  'Opt-out',
  'optout',
  'Opt out!',
  "Don't message me",
  'don’t text me',
  'لا ترسل',
  'لا تُرسِل',
  'إلغاء',
  'الغاء',
  'توقف',
  'تـــوقف',
  'إيقاف',
  'إلغاء الاشتراك',
  'لغو اشتراک',
  'הסר',
  'стоп',
  'СТОП!',
  'Отписаться',
  'отмена',
  'baja',
  'BAJA',
  'parar',
  'Cancelar',
  'Arrêt',
  'ARRET',
  'se désabonner',
  'désinscription',
  'abmelden',
  'Stopp',
  'durdur',
  'İPTAL',
  'iptal',
  'Abonelikten çık',
  'रोकें',
  'बंद करें',
  'berhenti',
  '退订',
  '取消',
  'basta',
  'afmelden',
])('«%s» stops messages where it is the whole message', (text) => {
  expect(typed(text)).toBe(true);
});

test.each([
  '',
  '   ',
  '🛑',
  '12',
  '...',
  'please do not stop',
  'stop by tomorrow?',
  'the end',
  'end of May',
  'cancel the viewing at 5',
  'Is it the last stop',
  'رسل',
  'لا',
  'توقف السيارة',
  'стоп кран',
  'hasta',
  'bajar',
  'रुकना',
  'stopover',
  'Sept',
  'quite',
  'trend',
])('«%s» does not', (text) => {
  expect(typed(text)).toBe(false);
});

describe('a button', () => {
  test.each([
    ['Ne plus recevoir', 'STOP'],
    ['لا أريد عروضاً', 'stop'],
    ['Больше не интересно', 'STOP_PROMOTIONS'],
    ['Stop promotions', null],
    ['Stop promotions', 'Stop promotions'],
    ['Отписаться', 'b2'],
  ])('«%s» with the id %s stops messages', (text, id) => {
    expect(tapped(text, id)).toBe(true);
  });

  test.each([
    ['Cancel', 'cancel'],
    ['إلغاء', null],
    ['Cancel viewing', 'CANCEL'],
    ['Quit', 'end'],
    ['Yes', 'yes'],
  ])('«%s» with the id %s answers a question of the business', (text, id) => {
    expect(tapped(text, id)).toBe(false);
  });
});

test('words of the company count beside those that always do, typed and tapped', () => {
  expect(typed('Finito', ['finito'])).toBe(true);
  expect(tapped('Cancel', null, ['cancel'])).toBe(true);
  expect(typed('stop', ['finito'])).toBe(true);
});

test('marks are vowels in Hindi and accents in Latin', () => {
  expect(normalised('रोकें')).not.toBe(normalised('रक'));
  expect(normalised('Arrêt')).toBe(normalised('arret'));
  expect(isKeyword('', [''])).toBe(false);
});

test('«start» and its like take it back', () => {
  const resumes = (text: string) => asksToResume({ text, chosenId: null, isChoice: false });
  expect(['START', 'Unstop', 'resume', 'ابدأ', 'старт', 'başlat'].map(resumes)).not.toContain(false);
  expect(['stop', 'start tomorrow', ''].map(resumes)).not.toContain(true);
});
