/**
 * `npm run demo`: the whole story in one go, on stand-ins: leads are imported, synced to the CRM, written to, and answered when they
 * reply. With `--chaos` drains are killed and calls are lost meanwhile. What came of it is proven by what the systems counted.
 */
import { listenForStop } from '@conversure/jobqueue/dev';
import { connect } from '@conversure/jobqueue/postgres';
import { openDatabase } from './database.ts';
import { demoApi } from './demo/api.ts';
import { openDemoApp } from './demo/app.ts';
import { fileOf, type LeadsFile } from './demo/file.ts';
import { tellStory } from './demo/story.ts';
import { dataFolder, loadEnvironment } from './environment.ts';
import { developmentSecrets } from './secrets.ts';
import { runScript } from './setup-error.ts';

const print = (line: string) => console.log(line);
/** The exit code that a shell reports after Ctrl-C. */
const INTERRUPTED = 130;

await runScript(async () => {
  const { stop, force } = listenForStop();
  const file: LeadsFile = fileOf(process.argv.slice(2));
  loadEnvironment('development');
  const secrets = developmentSecrets(dataFolder());
  const database = await openDatabase({ embedded: true });
  try {
    await database.migrate(print);
    print(`Database  ${database.address}`);
    const app = await openDemoApp({ secrets, databaseUrl: database.url, stop, force });
    const direct = connect(database.url);
    try {
      print(`App       ${app.origin}${app.ours ? '' : ', which runs already'}`);
      const api = demoApi({ origin: app.origin, secrets, stop });
      const env = { ...secrets, ...app.reached.env, DATABASE_URL: database.url, NODE_ENV: 'development' };
      const isTrue = await tellStory({ api, database: direct, reached: app.reached, file, env, print, stop });
      return isTrue ? 0 : 1;
    } finally {
      await direct.close();
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
