/** Whether a message is a word by which people stop messages, and nothing else: «please do not stop» is none. */

/** Case, accents of Latin letters, Arabic vowel marks and alef forms, punctuation and spaces do not count. */
export function normalised(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[أإآٱ]/g, 'ا')
    .replace(/ـ/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

export function isKeyword(text: string, keywords: readonly string[]): boolean {
  const said = normalised(text);
  return said !== '' && keywords.some((keyword) => normalised(keyword) === said);
}

/** What takes an opt-out by keyword back; what somebody said elsewhere it does not. */
export const OPT_IN_WORDS: readonly string[] = ['start', 'unstop', 'subscribe', 'اشتراك', 'ابدأ'];
