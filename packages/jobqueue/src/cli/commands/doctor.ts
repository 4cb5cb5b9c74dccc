/** `jobqueue doctor`: is everything in place, and if not, how to mend each thing. Changes nothing. */
import { Command } from 'commander';
import type { Finding } from '../doctor/finding.ts';
import { chooseDatabase, placeOf } from '../environment.ts';
import { type Common, onTarget } from '../options.ts';
import { coloured, dim, print, printJson } from '../output.ts';

const MARK = { ok: coloured('green', 'ok  '), warn: coloured('yellow', 'warn'), red: coloured('red', 'RED ') } as const;

export function doctorCommand(): Command {
  return onTarget(new Command('doctor'))
    .description('check secrets, database, driver, migrations, cron, clock, time zones, pooled URL and environment')
    .addHelpText('after', '\nThe exit code is 1 if anything is red. Each finding has its remedy.')
    .action(async (options: Common) => {
      const findings = await examine(options);
      const isWell = findings.every(({ state }) => state !== 'red');
      if (options.json) printJson({ ok: isWell, findings });
      else for (const finding of findings) tell(finding);
      process.exitCode = isWell ? 0 : 1;
    });
}

async function examine(options: Common): Promise<Finding[]> {
  const place = placeOf(options);
  if (place.kind === 'http') {
    const { examineDeployment } = await import('../doctor/deployment.ts');
    return examineDeployment(place.url, (await import('../http-target.ts')).httpTarget(place.url));
  }
  chooseDatabase(place.url);
  return (await import('../doctor/database.ts')).examineDatabase(place.url, options);
}

function tell({ name, state, detail, mend }: Finding): void {
  print(`${MARK[state]}  ${name.padEnd(16)}${detail}`);
  if (mend !== null) print(dim(`${' '.repeat(22)}→ ${mend.replaceAll('\n', `\n${' '.repeat(24)}`)}`));
}
