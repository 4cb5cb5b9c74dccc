/** The table at the end of a run. */

/** One fault and what came of it. */
export interface Round {
  readonly fault: string;
  readonly did: string;
  readonly verdict: string;
  /** Time from the fault's end until every job that was made before it had ended, ms. Null: that never came, or the fault was not run. */
  readonly recoveredMs: number | null;
  /** Runs that ended a second, in calm before it and after the recovery. */
  readonly before: number | null;
  readonly after: number | null;
}

/** Markdown: a line per fault. */
export function table(rounds: readonly Round[]): string {
  const lines = rounds.map(({ fault, did, verdict, recoveredMs, before, after }) => {
    const recovered = recoveredMs === null ? '–' : `${(recoveredMs / 1_000).toFixed(1)}`;
    const ratio = before === null || after === null || before === 0 ? '–' : (after / before).toFixed(2);
    return `| ${[fault, did, recovered, ratio, verdict].join(' | ')} |`;
  });
  return [
    '| Fault | Done | All earlier jobs ended after, s | Runs a second, after ÷ before | Conservation |',
    '| --- | --- | ---: | ---: | --- |',
    ...lines,
  ].join('\n');
}
