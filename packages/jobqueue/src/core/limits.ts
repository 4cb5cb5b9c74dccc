/** Every bound of the queue, with its reason. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Bounds of payloads, results, batches and options. Names end in the unit: bytes, characters, jobs or ms. */
export const LIMITS = {
  /** A payload names its data, it does not carry it; larger rows would make a claim of hundreds undeliverable. */
  payloadBytes: 256 * KIB,
  /** Stored results and checkpoints are read back by screens and the next slice. */
  resultBytes: 64 * KIB,
  stateBytes: 64 * KIB,
  /** Enough for a message and a stack; up to 100 of them are kept per job. */
  errorBytes: 8 * KIB,
  progressNoteChars: 500,
  /** One enqueue call: the HTTP driver carries 64 MB, a function's body 4.5 MB, a statement should stay under a second. */
  batchJobs: 10_000,
  batchBytes: 8 * MIB,
  /** A flow is what one person plans and one screen shows; a parent's row is locked once for each exchange that settles its children. */
  flowJobs: 1_000,
  /** The most that one exchange may claim or settle: answers stay far below the HTTP driver's 64 MB even when JSON escapes double them. */
  exchangeBytes: 4 * MIB,
  exchangeJobs: 1_000,
  /** A job that was claimed less often is not worth a word: at five seconds a slice that is an hour and a half of work. */
  fewSlices: 1_000,
  /** One for each tenant of a large app; create_schedule_1 counts them in a millisecond. */
  runtimeSchedules: 10_000,
  maxPriority: 10,
  maxAttempts: 100,
  /** Further out than any real plan; guards against seconds taken for milliseconds. */
  scheduledForMs: 10 * 365.25 * 24 * 3_600_000,
  /** A day: with checkpoints even the longest slice fits, and a lease never outlives a forgotten deployment by more. */
  timeoutMs: 24 * 3_600_000,
  /** A function is billed while it waits, and most platforms cut a request's connection soon after. */
  waitMs: 60_000,
  idempotencyKeyChars: 512,
  /** A key is a row of its own; a token every 17 minutes up to what one row's lock can serve; a burst that no day uses up. */
  bucketKeyChars: 512,
  perSecond: { min: 0.001, max: 10_000 },
  burst: { min: 1, max: 100_000 },
  name: { pattern: /^[A-Za-z0-9_.:-]{1,100}$/, words: "of 1 to 100 letters, digits or '_.:-'" },
} as const;
