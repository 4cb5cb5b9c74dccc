/**
 * fast-check as the tests use it. CI checks the same cases every time, so that its verdict is about the commit; anywhere else each run checks
 * others. `FUZZ_SEED=N` replays the run that reported seed N.
 */
import fc from 'fast-check';

const given = process.env.FUZZ_SEED || (process.env.CI && '1');
if (given) {
  const seed = Number(given);
  if (!Number.isInteger(seed))
    throw new Error(`FUZZ_SEED: expected the whole number that a run reported, got '${given}'`);
  fc.configureGlobal({ seed });
}

/** Any code point but halves of pairs. The unit `binary` of fast-check is the same, but lists a million characters first, which takes it a second. */
export const anyCharacter = fc.nat(0x10f7ff).map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800));

export default fc;
export type { Arbitrary } from 'fast-check';
