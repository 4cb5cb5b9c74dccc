/** The verdict of the checks on a text: each finding with its weight, and the checkers that could not be asked. */
import { type Column, DataTable } from '@conversure/jobqueue-console/ui';
import type { Verdict } from '@/lib/ai';

const COLUMNS: readonly Column[] = [
  { id: 'explanation', title: 'What', heads: true },
  { id: 'excerpt', title: 'Where' },
  { id: 'severity', title: 'Severity' },
  { id: 'rule', title: 'Rule', from: 'wide' },
];
const BLOCKS = 'critical';

export function Findings({ label, verdict }: { label: string; verdict: Verdict }) {
  const { findings, errors, score, checkedBy } = verdict;
  if (findings.length === 0 && errors.length === 0)
    return <p className="soft">Nothing was found by {checkedBy.join(', ')}.</p>;
  const rows = [
    ...findings.map(({ rule, severity, excerpt, explanation }, n) => ({
      id: `${n}`,
      cells: {
        explanation: <bdi>{explanation}</bdi>,
        excerpt: excerpt === null ? <span className="soft">the whole text</span> : <bdi>«{excerpt}»</bdi>,
        severity: (
          <span className={severity === BLOCKS ? 'text-bad' : ''}>
            {severity === BLOCKS ? 'critical: blocks' : severity}
          </span>
        ),
        rule: <span className="mono">{rule}</span>,
      },
      ...(severity === BLOCKS && { tone: 'bad' as const }),
    })),
    ...errors.map(({ checker, message }) => ({
      id: checker,
      cells: {
        explanation: `${checker} could not check it: ${message}`,
        excerpt: <span className="soft">–</span>,
        severity: 'not checked',
        rule: <span className="mono">{checker}</span>,
      },
      tone: 'warn' as const,
    })),
  ];
  return (
    <>
      <DataTable label={label} columns={COLUMNS} rows={rows} />
      <p className="soft">Risk {score} of 100.</p>
    </>
  );
}
