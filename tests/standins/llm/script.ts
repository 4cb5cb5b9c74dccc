/** The model's next outputs: an answer, or one of the ways in which its provider gives none. */
import { z } from 'zod';

export const Scripted = z.discriminatedUnion('kind', [
  /** JSON if it is no string. */
  z.strictObject({
    kind: z.literal('say'),
    content: z.unknown(),
    outputTokens: z.int().optional(),
    /** Instead of the usage that there would be: what gateways report instead. Null: nothing is reported. */
    usage: z.looseObject({}).nullable().optional(),
    finishReason: z.string().nullable().optional(),
  }),
  z.strictObject({ kind: z.literal('refusal'), text: z.string() }),
  z.strictObject({ kind: z.literal('content_filter'), content: z.string().default('') }),
  z.strictObject({ kind: z.literal('length'), content: z.string() }),
  z.strictObject({ kind: z.literal('rate_limit'), retryAfterS: z.number().default(7) }),
  z.strictObject({ kind: z.literal('insufficient_quota') }),
  z.strictObject({ kind: z.literal('context_length') }),
  z.strictObject({ kind: z.literal('content_policy') }),
  /** OpenAI's reasoning models look at the whole prompt first; other vendors have no such refusal. */
  z.strictObject({ kind: z.literal('invalid_prompt') }),
  /** A request that is larger than what an account may send in a minute. */
  z.strictObject({ kind: z.literal('request_too_large') }),
  /** A vendor's own words. */
  z.strictObject({ kind: z.literal('error'), status: z.int(), body: z.unknown() }),
]);
export type Scripted = z.output<typeof Scripted>;
export type ScriptedInput = z.input<typeof Scripted>;

export interface Asked {
  readonly system: string;
  /** The last message of the user. */
  readonly last: string;
}

/** A plausible answer chosen by keyword, good enough for a demo. */
export function sensibleReply({ system, last }: Asked): object {
  if (system.includes('"safe"')) return { safe: true, score: 5, reason: 'nothing objectionable' };
  const text = /<customer_message>\n?([\s\S]*?)\n?<\/customer_message>/.exec(last)?.[1] ?? last;
  const isArabic = /\p{Script=Arabic}/u.test(text);
  const { intent, en, ar } = REPLIES.find(({ words }) => words.test(text)) ?? OTHERWISE;
  return {
    reply: isArabic ? ar : en,
    intent,
    confidence: intent === 'other' ? 0.4 : 0.92,
    language: isArabic ? 'ar' : 'en',
    sentiment: intent === 'complaint' ? 'negative' : 'neutral',
  };
}

interface Reply {
  readonly intent: string;
  readonly words: RegExp;
  readonly en: string;
  readonly ar: string;
}

const REPLIES: readonly Reply[] = [
  {
    intent: 'complaint',
    words: /complain|angry|terrible|شكوى/i,
    en: 'I am sorry to hear that. A colleague will look into it and get back to you today.',
    ar: 'نأسف لذلك. سيتابع أحد الزملاء الموضوع ويعود إليك اليوم.',
  },
  {
    intent: 'price_question',
    words: /price|cost|how much|budget|سعر|كم/i,
    en: 'Thank you for asking. A colleague will send you the details shortly.',
    ar: 'شكراً لسؤالك. سيرسل لك أحد الزملاء التفاصيل قريباً.',
  },
  {
    intent: 'viewing_request',
    words: /view|visit|appointment|معاينة|زيارة/i,
    en: 'With pleasure. Which day and time would suit you for a visit?',
    ar: 'بكل سرور. ما اليوم والوقت المناسبان لك للزيارة؟',
  },
  {
    intent: 'property_search',
    words: /apartment|villa|bedroom|house|flat|شقة|فيلا/i,
    en: 'Happy to help. Which area do you prefer, and how many bedrooms do you need?',
    ar: 'يسعدنا مساعدتك. أي منطقة تفضل وكم غرفة نوم تحتاج؟',
  },
  {
    intent: 'greeting',
    words: /\b(?:hi|hello|hey|good (?:morning|evening))\b|مرحبا|السلام/i,
    en: 'Hello and welcome! How can we help you today?',
    ar: 'أهلاً وسهلاً! كيف يمكننا مساعدتك اليوم؟',
  },
];

const OTHERWISE: Reply = {
  intent: 'other',
  words: /^/,
  en: 'Thank you for your message. Could you tell me a little more?',
  ar: 'شكراً لرسالتك. هل يمكنك إخباري بالمزيد؟',
};

/** About what tokenizers make of it. */
export function tokensOf(text: string): number {
  return Math.max(1, Math.ceil(text.length / 4));
}
