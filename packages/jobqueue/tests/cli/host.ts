/**
 * Runs the built program again and again in one process: the same file, the same code, without Node's start and without loading the app each
 * time. Its module state and the app's last as long as the process does, so a command that depends on them needs a process of its own.
 */
import type { Call, Ended } from './program.ts';

let output = { stdout: '', stderr: '' };
const capture =
  (name: keyof typeof output): typeof process.stdout.write =>
  (chunk: string | Uint8Array) => {
    output[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    return true;
  };
process.stdout.write = capture('stdout'); // the program binds it when it is first loaded
process.stderr.write = capture('stderr');
process.stdout.setMaxListeners(0); // each command adds one and means to end with the process

let commands = 0;

async function run({ program, args, cwd, env }: Call): Promise<Ended> {
  output = { stdout: '', stderr: '' };
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv = [process.execPath, program, ...args];
  process.exitCode = undefined;
  await import(`${program}?command=${++commands}`); // its first file anew; it ends when the command has ended
  const code = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  return { code, ...output };
}

process.on('message', async (call: Call) => process.send?.(await run(call)));
process.on('disconnect', () => process.exit());
