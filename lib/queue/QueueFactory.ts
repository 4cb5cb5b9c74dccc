/** The name under which Conversure's call sites know the queue. */
import { queue } from './index.ts';

export const QueueFactory = { getQueue: () => queue };
