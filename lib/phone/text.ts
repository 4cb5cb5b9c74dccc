/** The text of a phone cell without what programs and keyboards leave on it, and what it says if it holds no number. */

/** Zeros in all scripts start at a code that ends in 0 or 6 in hexadecimal. */
function westernDigit(digit: string): string {
  const code = digit.codePointAt(0) as number;
  const row = code & ~0xf;
  return String(code - (/\p{Nd}/u.test(String.fromCodePoint(row)) ? row : row + 6));
}

/** Western digits, ordinary blanks, no direction marks and no halves of characters; line breaks stay, because they separate numbers. */
export function plainText(cell: string): string {
  return cell
    .normalize('NFKC')
    .replace(/\p{Nd}/gu, westernDigit)
    .replace(/[\p{Cf}\p{Cs}]/gu, '')
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(/[^\S\n]/g, ' ')
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(/\p{Cc}/gu, (control) => (control === '\n' ? control : ''))
    .trim()
    .replace(/^="(.*)"$/, '$1')
    .replace(/^['"“”«»„‘’`\s]+|['"“”«»„‘’`\s]+$/g, '')
    .replace(/^=(?=\s*[+\d(])/, '')
    .replace(/^(\d[\d ()-]*)\+$/, '+$1'); // typed from right to left
}

/** Words by which people and programs say that they have no number. */
const NONE = new RegExp(
  `^(?:${[
    'n\\.?\\s*/?\\s*a\\.?|#n/a|nan|nil|null|none|undefined|unknown|empty|blank|missing|false|tb[ad]|no|x+',
    '(?:not|none|no) (?:available|applicable|provided|given|known|set|found|listed|specified|shared|disclosed)',
    '(?:no|without) (?:phone|mobile|cell|tel|telephone|contact|whatsapp)?\\s*(?:number|no\\.?|phone)?',
    '(?:same|as|see|ditto|idem)\\b[\\p{L} .]*',
    'keine?|keine? [\\p{L}]+|k\\.?\\s*a\\.?|unbekannt|нет|нет [\\p{L}]+|отсутствует|неизвест[\\p{L}]+|не (?:указан|известен|задан)[\\p{L}]*',
    'لا يوجد|لا شيء|غير (?:متوفر|معروف|متاح)|بدون(?: رقم)?|ندارد',
    'ningun[oa]|sin (?:tel[eé]fono|n[uú]mero|m[oó]vil|datos?)|no tiene|aucun|néant|inconnu|sans (?:téléphone|numéro)',
    'nenhum|não tem|sem (?:telefone|número|celular)|nessuno|yok|brak|geen|無|无|没有|なし|없음|नहीं',
  ].join('|')})$`,
  'iu',
);

/** Nothing, a word for nothing, zeros (what systems write for none), or no letter and no digit at all. */
export function saysNone(text: string): boolean {
  return !/[\p{L}1-9]/u.test(text.replace(/^#+$/, '1')) || NONE.test(text.replace(/\s+/g, ' '));
}

/** Decimals of a number that a program took for a quantity: `971501234567.0`, `971,501,234,567`. */
export function withoutQuantity(text: string): string {
  return text
    .replace(/^(\+?\d{5,})[.,]0+$/, '$1')
    .replace(/^\+?\d{1,3}(?:,\d{3}){2,}$/, (all) => all.replaceAll(',', ''));
}

/** The way in which a spreadsheet destroyed the number, if one did. */
export function damageOf(text: string): string | null {
  if (/^[+-]?\d+([.,]\d+)? ?(?:e|[x*×] ?10\^?) ?\+?\d+$/i.test(text)) return 'a spreadsheet rounded this number';
  if (/^[1-9]\d*0{6}$/.test(text.replace(THOUSANDS, '')))
    return 'a spreadsheet rounded this number: it ends in six zeros';
  if (/^#+$/.test(text)) return 'a spreadsheet wrote signs for a number that was wider than its column';
  if (/^#(?:name|value|ref|num|error|null|div\/0|calc|spill)[!?]?$/i.test(text))
    return 'a spreadsheet took this number for a formula';
  if (/^-\d+(?:[.,]\d+)?$/.test(text)) return 'a spreadsheet calculated with this number';
  if (DATE.test(text)) return 'a spreadsheet took this number for a date';
  return null;
}

/** The thousands separator of a quantity: a blank in French and Russian, a point in German. */
const THOUSANDS = /(?<=\d)[ .'’](?=\d{3}(?!\d))/g;

const DATE = /^(?:(?:19|20)\d\d-[01]\d-[0-3]\d|[0-3]?\d([./-])[0-3]?\d\1(?:19|20)\d\d)(?:[ T]\d\d:\d\d.*)?$/;
