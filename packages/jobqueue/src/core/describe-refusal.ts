/** Words for a refused statement. Apart from sqlstate.ts, because an enqueue needs none. Pure. */
import { diagnose, inFull } from './diagnosis.ts';
import { sqlstateOf } from './sqlstate.ts';

/** The reason why a statement failed, in words for a report or a log: the server's message if it quotes no value, else its SQLSTATE. */
export function describeRefusal(error: unknown): string {
  const diagnosis = diagnose(error);
  if (diagnosis?.answer) return inFull(diagnosis);
  const sqlstate = sqlstateOf(error);
  return sqlstate === null ? 'Postgres did not answer.' : `Postgres refused an exchange (${sqlstate}).`;
}
