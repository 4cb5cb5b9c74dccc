/** `npm run standins`: the stand-ins of WhatsApp, Bitrix24 and the language models, in a process of their own. */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { listenForStop } from '@conversure/jobqueue/dev';
import { openStandIns } from './remote-systems.ts';
import { runScript, SetupError } from './setup-error.ts';

/** Beside the app's 3000. */
const PORT = 4010;

await runScript(async () => {
  const { stop } = listenForStop();
  const { values } = parseArgs({ options: { port: { type: 'string' }, app: { type: 'string' } } });
  const port = Number(values.port ?? PORT);
  if (!Number.isInteger(port) || port < 1 || port > 65_533)
    throw new SetupError(`--port: expected a port from 1 to 65533, got ${values.port}`);
  const standIns = await openStandIns({ origin: values.app ?? 'http://localhost:3000', port, environment: {} });
  for (const line of standIns.lines) console.log(line);
  console.log('\nFor the app’s environment:');
  for (const [name, value] of Object.entries(standIns.env)) console.log(`${name}=${value}`);
  if (!stop.aborted) await once(stop, 'abort');
  await standIns.stop();
  return 0;
});
