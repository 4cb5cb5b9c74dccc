/** Turns for what holds a connection for long: a drain runs more handlers at once than its pool has connections. No I/O. */
import { DatabaseUsageError } from '../errors.ts';

/** As long as a handler may run by default; a transaction that is begun within another one would wait for ever. */
const TURN_MS = 60_000;

/** Runs at most `most` works at once, in the order in which they came. Rejects with `transactions_exhausted` who waited in vain. */
export function takeTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: (() => void)[] = [];

  function turn(): Promise<void> {
    if (free > 0) {
      free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(begin), 1);
        reject(exhausted(most));
      }, TURN_MS);
      waiting.push(begin);
    });
  }

  return async (work) => {
    await turn();
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}

function exhausted(most: number): DatabaseUsageError {
  return new DatabaseUsageError(
    'transactions_exhausted',
    `No turn within ${TURN_MS / 1000} s: the ${most} transactions that this process may have open at once did not end. Keep remote calls out ` +
      'of transactions, begin none within another, or run fewer handlers at once (`concurrency` of the drain).',
  );
}
