/** Runs one assignment on several processes at once: all wait behind a barrier, start together, and report when they are done. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Assignment, Outcome } from './contestant.ts';
import { NODE, type Queue } from './queues.ts';

/** Ten times the slowest run on a slow machine: a queue that hangs must not hold the table for ever. */
const LIMIT_MS = 120_000;

/** Called when all processes stand at the barrier, and when the last has reported. */
export interface Watch {
  before(): Promise<void>;
  after(): Promise<void>;
}

/** Rejects with the process's stderr if one of them fails. */
export async function runTeam(queue: Queue, assignment: Assignment, watch?: Watch): Promise<Outcome[]> {
  const members = Array.from({ length: assignment.drains }, () => startMember(queue, assignment));
  const killAll = () => {
    for (const { child } of members) child.kill('SIGKILL');
  };
  const giveUp = setTimeout(killAll, LIMIT_MS);
  try {
    await Promise.all(members.map(({ ready }) => ready));
    await watch?.before();
    for (const { child } of members) child.stdin.write('go\n');
    const outcomes = await Promise.all(members.map(({ outcome }) => outcome));
    await watch?.after();
    await Promise.all(members.map(({ ended }) => ended));
    return outcomes;
  } finally {
    clearTimeout(giveUp);
    killAll();
  }
}

/** Creates the queue's schema in the database of `url`. */
export async function install(queue: Queue, url: string): Promise<void> {
  const { ended } = startMember(queue, { url, mode: 'install', jobs: 0, batch: 0, drains: 1, latencyMs: 0 });
  await ended;
}

interface Member {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ready: Promise<void>;
  readonly outcome: Promise<Outcome>;
  readonly ended: Promise<void>;
}

function startMember(queue: Queue, assignment: Assignment): Member {
  const child = spawn(NODE, [queue.script]);
  child.stdin.write(`${JSON.stringify(assignment)}\n`);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000); // its last words explain a failure
  });
  const lines = createInterface({ input: child.stdout });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${queue.name}, ${assignment.mode}: ended with ${code ?? signal}\n${said}`));
    });
  });
  const line = (wanted: (text: string) => boolean) =>
    new Promise<string>((resolve, reject) => {
      lines.on('line', (text) => wanted(text) && resolve(text));
      ended.then(() => reject(new Error(`${queue.name}, ${assignment.mode}: ended without a word`)), reject);
    });
  const ready = line((text) => text === 'ready').then(() => {});
  const outcome = line((text) => text.startsWith('{')).then((text) => JSON.parse(text) as Outcome);
  for (const promise of [ready, outcome, ended]) promise.catch(() => {}); // each is awaited in its turn
  return { child, ready, outcome, ended };
}
