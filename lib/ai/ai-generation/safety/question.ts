/** Rates the risk of answering the customer's message by machine. Adds flags to the verdict, never a refusal. Pure. */
import type { Finding } from './verdict.ts';
import { wordsIn, wordsPattern } from './words.ts';

/** Attempts to talk the model out of its instructions, as people really write them. A heuristic: it misses, and it meets jokes. */
const INJECTION = [
  wordsPattern([
    'system prompt',
    'developer mode',
    'jailbreak*',
    'prompt injection',
    'act as dan',
    'your instructions',
    'reveal your prompt',
  ]),
  wordsPattern(['تجاهل التعليمات', 'تجاهل جميع التعليمات', 'تعليماتك']),
  /(?<!\p{L})(?:ignore|disregard|forget|override)(?:\s+\p{L}+){0,3}\s+(?:instructions?|rules?|prompts?|guidelines)(?!\p{L})/gu,
  /(?<!\p{L})(?:you are now|pretend (?:to be|you are)|from now on you)(?!\p{L})/gu,
  /<\/?\s*(?:customer_message|system|assistant|instructions?)\s*>|\[\/?inst\]|<\|[a-z_]+\|>/gu,
];

export function question(text: string, escalateKeywords: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const flag = (rule: string, severity: Finding['severity'], explanation: string, patterns: readonly RegExp[]) => {
    const [first] = patterns.flatMap((pattern) => wordsIn(text, pattern));
    if (first === undefined) return;
    const excerpt = text
      .slice(...first)
      .slice(0, 80)
      .toWellFormed();
    findings.push({ rule, ruleVersion: 1, severity, span: null, excerpt, explanation });
  };
  flag('prompt_injection', 'low', 'the customer may be talking to the model and not to us', INJECTION);
  flag('escalation', 'high', 'the customer asks for a person', [wordsPattern(escalateKeywords)]);
  return findings;
}
