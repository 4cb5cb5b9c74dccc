/** Asks for confirmation on a terminal. Without a terminal only `--yes` confirms. */
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
  if (!isTerminal()) throw new UsageError(`${question} There is no terminal to ask on: confirm with --yes.`);
  const answer = await confirm({ message: question, initialValue: false, output: process.stderr });
  if (isCancel(answer)) throw new Failure('nothing was changed');
  return answer;
}

/** True if a terminal is there to answer. */
export function isTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}
