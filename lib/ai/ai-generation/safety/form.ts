/** Length, language, competitors: what a company asks of the form of a reply. Pure. */
import { excerptOf, type Finding } from './verdict.ts';
import { wordsIn, wordsPattern } from './words.ts';

export interface Form {
  readonly maxMessageLength: number;
  /** ISO 639-1. */
  readonly languages: readonly string[];
  /** The language that the model says it wrote in. */
  readonly declared: string;
  readonly competitors: readonly string[];
  /** The message that is answered. */
  readonly question: string;
}

/** The longest text that WhatsApp accepts, in characters. */
const LONGEST = 4_096;

export function form(draft: string, { maxMessageLength, languages, declared, competitors, question }: Form): Finding[] {
  const whole = (rule: string, severity: Finding['severity'], explanation: string): Finding => ({
    rule,
    ruleVersion: 1,
    severity,
    span: null,
    excerpt: null,
    explanation,
  });
  const findings: Finding[] = [];
  const length = Array.from(draft).length;
  if (draft.trim() === '') findings.push(whole('empty', 'critical', 'there is no text'));
  if (/[\ufffd\u202d\u202e]/.test(draft))
    findings.push(whole('unreadable', 'high', 'a character is broken, or turns the text around'));
  if (length > LONGEST) findings.push(whole('length', 'critical', `${length} characters, WhatsApp takes ${LONGEST}`));
  else if (length > maxMessageLength)
    findings.push(whole('length', 'high', `${length} characters, ${maxMessageLength} are allowed`));
  const scripts = languages.map(scriptOf);
  const script = mainScript(draft);
  if (script !== null && !scripts.includes(script))
    findings.push(whole('language', 'high', `written in ${script} script, expected ${languages.join(', ')}`));
  else if (!languages.some((language) => declared.toLowerCase().split(/[-_]/)[0] === language.toLowerCase()))
    findings.push(
      whole('language', 'high', `the language is '${declared.slice(0, 20)}', expected ${languages.join(', ')}`),
    );
  const asked = mainScript(question);
  if (asked !== null && script !== null && asked !== script && scripts.includes(asked) && scripts.includes(script))
    findings.push(
      whole('language_of_customer', 'medium', `the customer writes in ${asked} script, the reply is in ${script}`),
    );
  for (const span of wordsIn(draft, wordsPattern(competitors)).slice(0, 3))
    findings.push({ ...whole('competitor', 'high', 'names a competitor'), span, excerpt: excerptOf(draft, span) });
  return findings;
}

const SCRIPTS = [
  'Latin',
  'Arabic',
  'Cyrillic',
  'Devanagari',
  'Han',
  'Hebrew',
  'Greek',
  'Thai',
  'Hangul',
  'Bengali',
] as const;
type Script = (typeof SCRIPTS)[number] | 'another';
const LETTERS = SCRIPTS.map((script) => [script, new RegExp(`\\p{Script=${script}}`, 'gu')] as const);

/** The script of most letters; `null` if there are none. Names in Latin letters do not make an Arabic text Latin. */
function mainScript(text: string): Script | null {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return null;
  const counted = LETTERS.map(([script, pattern]) => [script, text.match(pattern)?.length ?? 0] as const);
  const [script, most] = counted.reduce((best, next) => (next[1] > best[1] ? next : best));
  return most * 2 >= letters || most > 0 ? script : 'another';
}

const OTHER_SCRIPTS: Readonly<Record<string, Script>> = {
  ar: 'Arabic',
  fa: 'Arabic',
  ur: 'Arabic',
  ru: 'Cyrillic',
  uk: 'Cyrillic',
  bg: 'Cyrillic',
  hi: 'Devanagari',
  mr: 'Devanagari',
  ne: 'Devanagari',
  zh: 'Han',
  he: 'Hebrew',
  el: 'Greek',
  th: 'Thai',
  ko: 'Hangul',
  bn: 'Bengali',
};

function scriptOf(language: string): Script {
  return OTHER_SCRIPTS[language.toLowerCase()] ?? 'Latin';
}
