/** Bitrix24's REST API, as far as this product uses it: calls and batches, what errors mean, phones that do not multiply. */
export {
  type Answer,
  BATCH_COMMANDS,
  type Batched,
  type Bitrix24Error,
  batch,
  type Called,
  type Command,
  call,
  mapOf,
  type Operating,
} from './bitrix24/call.ts';
export { type Effect, effectOf } from './bitrix24/effects.ts';
export { isSame, Multifield, multifieldChanges, newMultifields, type Wanted } from './bitrix24/multifields.ts';
export { Portal } from './bitrix24/portal.ts';
