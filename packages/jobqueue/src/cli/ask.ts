/** Questions to whoever sits there. Without a terminal nobody does: then only `--yes` is an answer. */
import { confirm, isCancel } from '@clack/prompts';
import { Failure, UsageError } from './failure.ts';

/** Resolves when it was agreed to; else the command ends, and nothing was done. */
export async function agree(question: string, { yes = false }: { readonly yes?: boolean | undefined }): Promise<void> {
  if (!(await isAgreed(question, { yes }))) throw new Failure('nothing was changed');
}

export async function isAgreed(
  question: string,
  { yes = false }: { readonly yes?: boolean | undefined },
): Promise<boolean> {
  if (yes) return true;
  if (!isTerminal()) throw new UsageError(`${question} There is no terminal to ask: say --yes if it is meant.`);
  const answer = await confirm({ message: question, initialValue: false, output: process.stderr });
  if (isCancel(answer)) throw new Failure('nothing was changed');
  return answer;
}

/** Whether somebody can answer. */
export function isTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}
