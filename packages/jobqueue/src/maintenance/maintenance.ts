/** Maintenance beside a drain's jobs: requested by exchanges that are sent anyway, done beside the jobs. */

import type { Log } from '../core/log.ts';
import type { Executor } from '../postgres/database.ts';

/** The interval at which a long drain checks again. */
const LOOK_EVERY_MS = 30_000;

export interface MaintenanceTask {
  /** The key under which `chores_1.sql` finds its request and puts its answer. */
  readonly name: string;
  /** The request that lets Postgres see if there is work; a few hundred bytes. */
  request(): object;
  /** Called when Postgres answered that there is. Bounded, idempotent: another drain may do the same at the same time. */
  run(answer: unknown, context: TaskContext): Promise<void>;
}

export interface TaskContext {
  readonly executor: Executor;
  /** Work that is not done by then is left to the next drain. */
  readonly untilMs: () => number;
  /** Tells the drain that a maintenance task that goes on has brought jobs. */
  readonly brought: () => void;
}

export interface TasksOptions extends Omit<TaskContext, 'brought'> {
  readonly tasks: readonly MaintenanceTask[];
  readonly log: Log;
  readonly wake: () => void;
}

/** The maintenance tasks of one drain. */
export class MaintenanceTasks {
  readonly #options: TasksOptions;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #acting = 0;
  #broughtJobs = 0;

  constructor(options: TasksOptions) {
    this.#options = options;
  }

  get isQuiet(): boolean {
    return this.#acting === 0;
  }

  /** Times that a task may have brought jobs which an earlier claim has not seen: counted at its end, or earlier if it says so. */
  get broughtJobs(): number {
    return this.#broughtJobs;
  }

  /** The request of the coming exchange; null if it need not ask. */
  request(nowMs: number): Readonly<Record<string, object>> | null {
    const { tasks } = this.#options;
    if (tasks.length === 0 || nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return null;
    this.#lookedAtMs = nowMs;
    return Object.fromEntries(tasks.map((task) => [task.name, task.request()]));
  }

  /** Starts what the answer asks for; a maintenance task that fails is logged, and left to the next drain. */
  take(answers: Readonly<Record<string, unknown>> | null): void {
    const { tasks, log, wake, executor, untilMs } = this.#options;
    for (const [name, error] of Object.entries(answers?.failed ?? {}))
      log('error', 'chore_failed', { chore: name, error });
    for (const task of tasks) {
      const answer = answers?.[task.name] ?? null;
      if (answer === null) continue;
      this.#acting++;
      const brought = () => {
        this.#broughtJobs++;
        wake();
      };
      const done = () => {
        this.#acting--;
        brought();
      };
      task
        .run(answer, { executor, untilMs, brought })
        .catch((error: unknown) => log('error', 'chore_failed', { chore: task.name, error }))
        .then(done, done);
    }
  }
}
