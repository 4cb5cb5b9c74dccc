/** Notes outcomes for a database that cannot be reached, in a process of its own: a loop that never ends its turn cannot be stopped from within. */

import { startLedger } from '../../../lib/campaigns/campaign-send/settle.ts';
import { unstarted } from '../../../lib/campaigns/campaign-send/verdict.ts';
import { connect } from '../../../packages/jobqueue/src/postgres/connect.ts';

const message = { id: '1', claim: '1', opaqueId: '1', phone: '+971500000001', language: null, parameters: {} };
const claimed = { ...message, attempt: 1, wasCapped: false };

const database = connect('postgres://nobody@127.0.0.1:1/nothing'); // nobody listens on port 1
const ledger = startLedger(database, '00000000-0000-0000-0000-000000000000');
const closed = () =>
  ledger.close().then(
    () => 'committed',
    () => 'refused',
  );
ledger.note(unstarted(claimed));
const first = await closed();
ledger.note(unstarted(claimed)); // of a call that was answered later
console.log(`${first}, ${await closed()}`);
await database.close();
