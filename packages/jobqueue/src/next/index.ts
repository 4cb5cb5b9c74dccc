/** Route handlers for Next.js and for functions of the platform, and what guards them. */

export { acceptedSecrets, authorize, type GivenSecrets, hasBearer, opens, type SecretSource } from './auth.ts';
export {
  databaseFailure,
  type EndpointOptions,
  endpoint,
  isRefusedByDatabase,
  MAX_ADDRESS_CHARS,
  refusal,
} from './errors.ts';
export { HttpError, NotConfiguredError } from './http-error.ts';
export { requestDeadline } from './platform.ts';
export { sharedAnswer } from './shared-answer.ts';
export { tickOf } from './tick.ts';
export { wrongTry } from './wrong-tries.ts';
