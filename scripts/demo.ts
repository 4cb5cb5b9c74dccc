/** `npm run demo`: the main job in one go. A CSV goes in over HTTP, a tick drains it, and what came of it is checked and shown. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { connect } from '../db/client.ts';
import { openDatabase } from './database.ts';
import { demoApi } from './demo/api.ts';
import { openDemoApp } from './demo/app.ts';
import { findings, summaryOf } from './demo/findings.ts';
import { importFile } from './demo/import.ts';
import { dataFolder, loadEnvironment, PROJECT } from './environment.ts';
import { developmentSecrets } from './secrets.ts';
import { runScript, SetupError } from './setupError.ts';
import { listenForStop } from './stopSignals.ts';

const print = (line: string) => console.log(line);
/** All runs are one company's: a second run meets the leads of the first. */
const COMPANY = 'demo';
/** What a shell reports for Ctrl-C. */
const INTERRUPTED = 130;

await runScript(async () => {
  const { stop, force } = listenForStop();
  const file = fileToImport();
  loadEnvironment('development');
  const secrets = developmentSecrets(dataFolder());
  const database = await openDatabase({ embedded: true });
  try {
    await database.migrate(print);
    print(`Database  ${database.address}`);
    const app = await openDemoApp({ secrets, databaseUrl: database.url, stop, force });
    try {
      print(`App       ${app.origin}${app.ours ? '' : ', which runs already'}`);
      const api = demoApi({ origin: app.origin, secrets, stop });
      const done = await importFile(api, { ...file, companyId: COMPANY, print, stop });
      const reader = connect(database.url);
      const found = await findings(reader, api, done).finally(() => reader.close());
      for (const line of summaryOf(found)) print(line);
      return found.checks.every(({ holds }) => holds) ? 0 : 1;
    } finally {
      await app.stop();
    }
  } catch (error) {
    if (!stop.aborted) throw error;
    print('Stopped.');
    return INTERRUPTED;
  } finally {
    await database.stop();
  }
});

/** `npm run demo -- leads.csv --country AE`; the default is the fixture, whose numbers are American. */
function fileToImport(): { name: string; bytes: Uint8Array<ArrayBuffer>; country: string } {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { country: { type: 'string' } } });
  const path = positionals[0] ?? join(PROJECT, 'fixtures', 'leads-100.csv');
  try {
    return { name: basename(path), bytes: new Uint8Array(readFileSync(path)), country: values.country ?? 'US' };
  } catch (error) {
    throw new SetupError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
  }
}
