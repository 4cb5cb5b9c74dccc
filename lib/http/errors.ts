/** The endpoints of this app: what goes wrong in them is in its log. */
import { endpoint as endpointWith, refusal as refusalWith } from '@conversure/jobqueue/next';
import { logEvent } from '../log.ts';

export { databaseFailure, HttpError, isRefusedByDatabase } from '@conversure/jobqueue/next';

/** Makes an endpoint of a handler that may throw. */
export const endpoint = (handle: (request: Request) => Promise<Response>) => endpointWith(handle, { log: logEvent });

/** The answer to an error. */
export const refusal = (error: unknown, request: Request) => refusalWith(error, request, { log: logEvent });
