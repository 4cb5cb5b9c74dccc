/** Whether what became of the last messages says that the next should not be sent. Pure. */
import { effectOf, wordsOf } from '../../providers/whatsapp.ts';
import type { Newest } from './claim.ts';
import type { Halt } from './verdict.ts';

export interface Breaker {
  readonly failureRatio: number;
  readonly failureSample: number;
}

/**
 * Most refusals come by webhook, minutes after Meta accepted the message: so it looks at rows, not at answers. One code that
 * means more than its message is enough; of others there may be a share.
 */
export function tripped({ ended, failed, codes }: Newest, { failureRatio, failureSample }: Breaker): Halt | null {
  for (const code of codes) {
    const kind = effectOf(code);
    if (kind === 'fail_campaign' || kind === 'pause_channel' || kind === 'pause_campaign')
      return { kind, code: String(code), message: wordsOf(code) ?? `WhatsApp error ${code}` };
  }
  if (ended < failureSample || failed / ended <= failureRatio) return null;
  return {
    kind: 'pause_campaign',
    code: 'failure_ratio',
    message: `${failed} of the last ${ended} messages failed; more than ${Math.round(failureRatio * 100)} % are too many`,
  };
}
