/** Decides from the last outcomes if the campaign should stop sending. Pure. */
import { effectOf, wordsOf } from '../../providers/whatsapp.ts';
import type { Newest } from './claim.ts';
import type { Halt } from './verdict.ts';

export interface Breaker {
  readonly failureRatio: number;
  readonly failureSample: number;
}

/** One person's values say nothing of a template, and neither do two: names of one family may all be too long. */
const MISFITS = 3;

/**
 * Most refusals come by webhook, minutes after Meta accepted the message: so it looks at rows, not at answers. One code that
 * means more than its message is enough; of others there may be a share. A refusal of what the message was filled in with is one
 * person's affair, unless it met the first messages and none of the campaign was ever taken.
 */
export function tripped(
  { ended, failed, codes, counts, accepted }: Newest,
  { failureRatio, failureSample }: Breaker,
): Halt | null {
  for (const code of codes) {
    const effect = effectOf(code);
    const kind = effect === 'pause_template' ? 'pause_campaign' : effect;
    if (kind === 'fail_campaign' || kind === 'pause_channel' || kind === 'pause_campaign')
      return { kind, code: String(code), message: wordsOf(code) ?? `WhatsApp error ${code}` };
  }
  const misfits = codes.filter((code) => effectOf(code) === 'fail_parameters');
  if (!accepted && misfits.reduce((sum, code) => sum + (counts[code] ?? 0), 0) >= MISFITS)
    return {
      kind: 'pause_campaign',
      code: String(misfits[0]),
      message: `Meta refused the first ${MISFITS} messages and took none: ${misfits.map(wordsOf).join('; ')}. Compare the parameters with the template, then resume`,
    };
  if (ended < failureSample || failed / ended <= failureRatio) return null;
  return {
    kind: 'pause_campaign',
    code: 'failure_ratio',
    message: `${failed} of the last ${ended} messages failed; more than ${Math.round(failureRatio * 100)} % are too many`,
  };
}
