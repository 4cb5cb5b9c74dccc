/** Promises that a handler may drop, or await late: a rejection that nobody hears ends the process, and every job that it holds. */

/** The same promise; nobody has to hear its rejection. */
export function droppable<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}

/** The same values; nobody has to hear that the next could not be read. */
export function droppableValues<Value>(values: AsyncGenerator<Value, void, void>): AsyncIterable<Value> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => droppable(values.next()),
      return: () => droppable(values.return()),
    }),
  };
}
