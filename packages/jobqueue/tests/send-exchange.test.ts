/** One exchange until it is answered: what its error says when time is up. */
import { expect, test } from 'vitest';
import { emptyReport } from '../src/core/drain-report.ts';
import { type ExchangeTransport, sendExchange } from '../src/drain/send-exchange.ts';
import { ConnectionError } from '../src/postgres/errors.ts';

const READ_ONLY = Object.assign(new Error('cannot execute UPDATE in a read-only transaction'), { code: '25006' });
const SILENCE = new ConnectionError('nothing came within 100 ms', { cause: null, sent: true });

/** Each try meets the next of these errors, and time is up with the last one. */
function failing(...errors: readonly Error[]) {
  let tries = 0;
  const transport: ExchangeTransport = {
    executor: {
      execute: async () => {
        throw errors[tries - 1];
      },
    },
    nowMs: () => (tries < errors.length ? 0 : 1_000),
    random: () => 0,
    uuid: () => '00000000-0000-4000-8000-000000000000',
    giveUpAtMs: () => 1_000,
    tried: (n) => {
      tries = n;
    },
  };
  const report = emptyReport('a-drain', 'test');
  const drain = { id: 'a-drain', step: 2, source: 'test', deadlineMs: 1_000, keyWindowMs: 0, lingerMs: 0, report };
  return sendExchange(transport, {
    ended: [],
    updates: [],
    claim: null,
    drain: { ...drain, running: [], stopReason: null },
  });
}

test.each([
  ['each try was refused', [READ_ONLY, READ_ONLY], /^Postgres refused an exchange 2 times: .*\(25006\)\.$/, READ_ONLY],
  [
    'the last try had no time for an answer',
    [READ_ONLY, READ_ONLY, SILENCE],
    /^Postgres refused an exchange in 2 of 3 tries and did not answer the others: .*\(25006\)\.$/,
    READ_ONLY,
  ],
  ['no try was answered', [SILENCE, SILENCE], /^Postgres did not answer an exchange in 2 tries$/, SILENCE],
])('when %s, the error says so', async (_, errors, message, cause) => {
  await expect(failing(...errors)).rejects.toMatchObject({
    name: 'ExchangeTimeoutError',
    message: expect.stringMatching(message),
    cause,
  });
});
