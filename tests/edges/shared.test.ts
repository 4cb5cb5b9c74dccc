/** One answer for all who ask at about the same time. */

import { sharedAnswer } from '@conversure/jobqueue/next';
import { expect, test } from 'vitest';

test('many who ask at once get the answer to one question, a failure too, and later ones a new answer', async () => {
  let asked = 0;
  const ask = sharedAnswer(
    async () => {
      asked++;
      if (asked === 1) throw new Error('down');
      return asked;
    },
    { forMs: 50 },
  );
  const first = await Promise.allSettled([ask(), ask(), ask()]);
  expect(first.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(asked).toBe(1);
  await expect.poll(() => ask().catch(() => 'still down')).toBe(2);
});
