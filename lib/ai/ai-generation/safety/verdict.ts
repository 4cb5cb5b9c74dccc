/** Combines the findings of all checks into a verdict on a draft, and the decision that follows. Pure. */

export type Severity = 'low' | 'medium' | 'high' | 'critical';

export interface Finding {
  readonly rule: string;
  /** The version of the rule's definition, so a verdict of last year stays readable. */
  readonly ruleVersion: number;
  readonly severity: Severity;
  /** The place in the draft, in UTF-16 units; `null` if the finding is about the whole draft or about the customer's message. */
  readonly span: readonly [start: number, end: number] | null;
  /** At most 80 characters. */
  readonly excerpt: string | null;
  readonly explanation: string;
}

export interface Verdict {
  readonly decision: 'allow' | 'review' | 'block';
  /** 0 to 100. */
  readonly score: number;
  readonly findings: readonly Finding[];
  /** Checkers that came to an end. */
  readonly checkedBy: readonly string[];
  /** Checkers that did not: any of them sends the draft to a person. */
  readonly errors: readonly { readonly checker: string; readonly message: string }[];
}

/** Two of medium weight are more than most companies let pass by themselves (`max_risk_score`, default 30). */
const WEIGHTS: Readonly<Record<Severity, number>> = { low: 10, medium: 25, high: 50, critical: 100 };
const EXCERPT_CHARS = 80;
/** A draft in which everything is wrong is blocked by a few findings as well as by all. */
const MAX_FINDINGS = 50;

/** One critical finding blocks; more risk than the company takes, or a check that failed, is for a person to look at. */
export function verdictOf(
  findings: readonly Finding[],
  { maxRiskScore, checkedBy, errors }: { maxRiskScore: number } & Pick<Verdict, 'checkedBy' | 'errors'>,
): Verdict {
  const score = Math.min(
    100,
    findings.reduce((sum, { severity }) => sum + WEIGHTS[severity], 0),
  );
  const blocks = findings.some(({ severity }) => severity === 'critical');
  const passes = errors.length === 0 && score <= maxRiskScore;
  const decision = blocks ? 'block' : passes ? 'allow' : 'review';
  return { decision, score, findings: findings.slice(0, MAX_FINDINGS), checkedBy, errors };
}

export function excerptOf(text: string, [start, end]: readonly [number, number]): string {
  return text.slice(start, end).slice(0, EXCERPT_CHARS).toWellFormed();
}
