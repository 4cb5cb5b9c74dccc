/** All checks of a draft, one after the other. Whatever goes wrong in one sends the draft to a person: nothing passes unchecked. */
import { describeError } from '../../../log.ts';
import { claims, prices } from './claims.ts';
import { contacts, type Known, links } from './contacts.ts';
import { type Form, form } from './form.ts';
import { question } from './question.ts';
import { type Finding, type Verdict, verdictOf } from './verdict.ts';

export interface Draft {
  readonly text: string;
  readonly known: Known;
  readonly form: Form;
  readonly escalateKeywords: readonly string[];
  readonly maxRiskScore: number;
}

export interface Checker {
  readonly name: string;
  check(draft: Draft): readonly Finding[] | Promise<readonly Finding[]>;
}

/** Raised with every change of what the rules find. */
export const RULES_VERSION = 2;

/** Without a model and without a network. */
export const RULES: Checker = {
  name: `rules@${RULES_VERSION}`,
  check: ({ text, known, form: wanted, escalateKeywords }) => [
    ...claims(text),
    ...prices(text, known.conversation),
    ...contacts(text, known),
    ...links(text, known),
    ...form(text, wanted),
    ...question(wanted.question, escalateKeywords),
  ],
};

const MESSAGE_CHARS = 200;

/** Rejects only when `signal` fired: then nobody waits for a verdict any more. */
export async function checkDraft(draft: Draft, checkers: readonly Checker[], signal: AbortSignal): Promise<Verdict> {
  const findings: Finding[] = [];
  const checkedBy: string[] = [];
  const errors: { checker: string; message: string }[] = [];
  for (const checker of checkers) {
    try {
      findings.push(...(await checker.check(draft)));
      checkedBy.push(checker.name);
    } catch (error) {
      signal.throwIfAborted();
      errors.push({ checker: checker.name, message: describeError(error).message.slice(0, MESSAGE_CHARS) });
    }
  }
  return verdictOf(findings, { maxRiskScore: draft.maxRiskScore, checkedBy, errors });
}
