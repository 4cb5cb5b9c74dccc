/** Promises that a model must not make for a company: the versioned list of what counts as one. */

import { excerptOf, type Finding, type Severity } from './verdict.ts';
import { readable, wordsIn, wordsPattern } from './words.ts';

interface Rule {
  readonly rule: string;
  readonly version: number;
  readonly severity: Severity;
  readonly pattern: RegExp;
  readonly explanation: string;
}

/** A change of a rule raises its version. Each word is matched as a word: see words.ts. */
const RULES: readonly Rule[] = [
  {
    rule: 'discount_claim',
    version: 1,
    severity: 'high',
    pattern: either(
      wordsPattern([
        'discount*',
        'special offer',
        'best price',
        'lowest price',
        'cashback',
        'free of charge',
        'no commission',
      ]),
      wordsPattern(['خصم', 'خصومات', 'تخفيض', 'تخفيضات', 'عرض خاص', 'أفضل سعر', 'بدون عمولة', 'مجانا']),
      /\d\s?%\s?off(?![\p{L}\p{N}])/gu,
    ),
    explanation: 'a discount or an offer that nobody has confirmed',
  },
  {
    rule: 'availability_claim',
    version: 1,
    severity: 'high',
    pattern: either(
      wordsPattern([
        'is available',
        'are available',
        'still available',
        'available now',
        'in stock',
        'ready to move in',
        'sold out',
      ]),
      wordsPattern(['last unit', 'last units', 'only one left', 'reserved for you']),
      wordsPattern(['متاح الآن', 'متاحة الآن', 'متوفر', 'متوفرة', 'لا يزال متاحا', 'آخر وحدة']),
      /(?<![\p{L}\p{N}])only \d+ (?:units? |apartments? |villas? )?(?:left|remaining)(?![\p{L}\p{N}])/gu,
    ),
    explanation: 'claims that something is or is not available, which may change within the hour',
  },
  {
    rule: 'legal_advice',
    version: 1,
    severity: 'high',
    pattern: either(
      wordsPattern([
        'sue',
        'sued',
        'suing',
        'lawsuit*',
        'court',
        'courts',
        'legal advice',
        'legally binding',
        'litigation',
        'illegal',
      ]),
      wordsPattern(['you are entitled to', 'visa is guaranteed', 'golden visa guaranteed']),
      wordsPattern(['محكمة', 'دعوى قضائية', 'استشارة قانونية', 'ملزم قانونا', 'مخالف للقانون']),
    ),
    explanation: 'reads like legal advice',
  },
  {
    rule: 'financial_claim',
    version: 1,
    severity: 'high',
    pattern: either(
      wordsPattern([
        'invest',
        'investing',
        'guaranteed return*',
        'guaranteed income',
        'return on investment',
        'roi',
        'risk-free',
        'risk free',
      ]),
      wordsPattern([
        'rental yield*',
        'capital appreciation',
        'will increase in value',
        'mortgage approv*',
        'loan approv*',
      ]),
      wordsPattern(['عائد مضمون', 'عائد استثماري', 'أرباح مضمونة', 'بدون مخاطر', 'استثمر', 'موافقة على القرض']),
    ),
    explanation: 'reads like financial advice or promises a return',
  },
  {
    rule: 'promise',
    version: 1,
    severity: 'medium',
    pattern: either(
      wordsPattern([
        'guarantee',
        'guarantees',
        'guaranteed',
        'we promise',
        'i promise',
        '100% sure',
        'refund*',
        'warranty',
        'warranties',
      ]),
      wordsPattern(['نضمن', 'أضمن', 'مضمون', 'مضمونة', 'نعدك', 'استرداد']),
    ),
    explanation: 'promises something in the name of the company',
  },
  {
    rule: 'insult',
    version: 1,
    severity: 'critical',
    pattern: either(
      wordsPattern(['idiot*', 'stupid', 'shut up', 'moron*', 'fuck*', 'bastard*', 'bitch*']),
      wordsPattern(['غبي', 'أحمق', 'اخرس', 'حمار']),
    ),
    explanation: 'insults the customer',
  },
  {
    rule: 'instructions_leak',
    version: 1,
    severity: 'high',
    pattern: wordsPattern([
      'system prompt',
      'my instructions',
      'as an ai language model',
      'customer_message',
      'json object',
    ]),
    explanation: 'speaks of its own instructions',
  },
  {
    rule: 'placeholder',
    version: 1,
    severity: 'critical',
    pattern:
      /\{\{[^}]*\}\}|\[(?:your |the |customer |agent )?(?:name|company|phone|price|date|link|address)\]|<(?:name|company|phone|price)>/gu,
    explanation: 'a blank that nobody filled in',
  },
];

function either(...patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map(({ source }) => `(?:${source})`).join('|'), 'gu');
}

export function claims(draft: string): Finding[] {
  return RULES.flatMap(({ rule, version: ruleVersion, severity, pattern, explanation }) =>
    wordsIn(draft, pattern)
      .slice(0, 1) // the first tells what is wrong; a draft that says it three times is not three times as wrong
      .map((span) => ({ rule, ruleVersion, severity, span, excerpt: excerptOf(draft, span), explanation })),
  );
}

const CURRENCY = '(?:aed|dhs?|dirhams?|usd|us\\$|eur|gbp|sar|inr|\\$|€|£|درهم|دولار|ريال)';
const AMOUNT = '\\d[\\d,. ]*\\d|\\d';
const SCALE = '(?:\\s?(?:k|m|mn|million|thousand|الف|مليون))?';
/** A figure beside a currency, or the other way round. A bare figure is no price: «3 bedrooms», «2 pm». */
const PRICE = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:${CURRENCY}\\s?(${AMOUNT})${SCALE}|(${AMOUNT})${SCALE}\\s?${CURRENCY})(?![\\p{L}\\p{N}])`,
  'gu',
);

/** Prices that the customer did not name first: repeating somebody's own budget is no claim. */
export function prices(draft: string, conversation: readonly string[]): Finding[] {
  const named = new Set(
    conversation.flatMap((text) =>
      Array.from(readable(text).matchAll(/\d[\d,. ]*\d|\d/gu), ([digits]) => figure(digits)),
    ),
  );
  return Array.from(readable(draft).matchAll(PRICE), (match) => {
    const span = [match.index, match.index + match[0].length] as const;
    return { span, figure: figure(match[1] ?? match[2] ?? '') };
  })
    .filter(({ figure }) => !named.has(figure))
    .slice(0, 3)
    .map(({ span }) => ({
      rule: 'price_claim',
      ruleVersion: 1,
      severity: 'high',
      span,
      excerpt: excerptOf(draft, span),
      explanation: 'names a price that the customer did not',
    }));
}

function figure(digits: string): string {
  return digits.replace(/[,\s]|\.$|\.0+$/g, '');
}
