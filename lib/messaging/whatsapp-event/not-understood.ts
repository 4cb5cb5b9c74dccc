/** The failure of a job that met something unknown: it becomes a dead letter, to be replayed once a release understands it. */
import { NonRetryableError } from '@conversure/jobqueue';

/** As many reasons as a person reads. */
const REASONS = 3;

export function notUnderstood(reasons: readonly string[], of: number): NonRetryableError {
  const more = reasons.length > REASONS ? `; ${reasons.length - REASONS} more` : '';
  return new NonRetryableError(
    `${reasons.length} of ${of} not understood: ${reasons.slice(0, REASONS).join('; ')}${more}. Replay it once a release understands it`,
  );
}
