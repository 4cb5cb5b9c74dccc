/** Everything that operators are offered, put together. Loaded by the first call of any of it. */
import { invalidatingOperators, type Operators, type OperatorsOptions, operators } from './operations.ts';
import { strictOperators } from './operator-options.ts';

/** `stir` is called after each call that may have left something due. */
export function offeredOperators(options: OperatorsOptions, stir: () => void): Operators {
  return invalidatingOperators(strictOperators(operators(options)), stir);
}
