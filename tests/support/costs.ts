/** Prints, at the end of a run with TEST_COSTS, a table by file: its seconds, and how many of them it computed. */
import type { Reporter, TestModule } from 'vitest/node';
import type { Costs } from './measure.ts';

/** One row by file, those first that compute longest, and a sum. */
export function costTable(files: readonly { readonly file: string; readonly costs: Costs }[]): string {
  const sorted = [...files].sort((a, b) => computed(b.costs) - computed(a.costs));
  const sum = files.reduce<Costs>(
    (total, { costs }) => ({
      wall: total.wall + costs.wall,
      own: total.own + costs.own,
      children: total.children + costs.children,
      loading: total.loading + costs.loading,
    }),
    { wall: 0, own: 0, children: 0, loading: 0 },
  );
  return [
    '    wall     own children  loading  computing  file (seconds)',
    ...[...sorted, { file: `${files.length} files`, costs: sum }].map(({ file, costs }) =>
      [
        costs.wall.toFixed(1).padStart(8),
        costs.own.toFixed(1).padStart(8),
        costs.children.toFixed(1).padStart(9),
        costs.loading.toFixed(1).padStart(9),
        `${Math.round((100 * computed(costs)) / costs.wall)} %`.padStart(11),
        `  ${file}`,
      ].join(''),
    ),
  ].join('\n');
}

const computed = ({ own, children }: Costs) => own + children;

export default class CostsByFile implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.flatMap((module) => {
      const { costs } = module.meta();
      return costs ? [{ file: module.relativeModuleId, costs }] : [];
    });
    if (files.length > 0) console.log(`\n${costTable(files)}`);
  }
}
