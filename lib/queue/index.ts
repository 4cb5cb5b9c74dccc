/** Composition root: the one queue of this deployment. Connects when first used, so importing it needs no database. */
import { database } from '../../db/client.ts';
import { maxDurationMs } from '../config.ts';
import { createQueue } from '../jobqueue/index.ts';
import { jobs } from '../jobs/index.ts';

export const queue = createQueue({ database, jobs, maxDurationMs: maxDurationMs() });
