/** Runs in the process of each test file when a run measures costs, and tells the table at the end (costs.ts) what the file cost. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';

/** Seconds. PostgreSQL's are nobody's: one server serves all files. */
export interface Costs {
  /** The process, from its start to the end of the last hook. */
  readonly wall: number;
  /** Computed by the process itself, its loading included. */
  readonly own: number;
  /** Computed by the processes that it started and that have ended: a browser, a server, a program. */
  readonly children: number;
  /** Computed before the first hook: Node.js, vitest and the modules. */
  readonly loading: number;
}

declare module 'vitest' {
  interface TaskMeta {
    /** Set at the end of a file in a run with TEST_COSTS. */
    costs?: Costs;
  }
}

let loading = 0;
beforeAll(() => {
  loading = ownSeconds();
});
// The first to be told is the last to be called: after the file's own hooks.
// biome-ignore lint/correctness/noEmptyPattern: vitest reads the parameter list, and wants fixtures there
afterAll(({}, { file }) => {
  file.meta.costs = {
    wall: process.uptime(),
    own: ownSeconds(),
    children: childrenSeconds(),
    loading,
  };
});

function ownSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}

/** Read from Linux; elsewhere 0. */
function childrenSeconds(): number {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[13]) + Number(fields[14])) / 100; // cutime and cstime, in hundredths of a second
  } catch {
    return 0;
  }
}
