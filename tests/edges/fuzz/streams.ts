/** Bodies that never end, or lie about their length. */

/** Of one chunk; larger than any limit on what is read before a body is refused. */
const CHUNK = new Uint8Array(64 * 1024).fill(0x20);

export interface Endless {
  readonly body: ReadableStream<Uint8Array>;
  /** Bytes that were taken from it. */
  taken(): number;
  isCancelled(): boolean;
}

/** A body that goes on for as long as somebody reads it. */
export function endless(): Endless {
  let taken = 0;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        taken += CHUNK.length;
        controller.enqueue(CHUNK);
      },
      cancel() {
        isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, taken: () => taken, isCancelled: () => isCancelled };
}
