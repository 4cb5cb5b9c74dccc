/** The failure that a simulation looks for. */

/** Something happened that the guarantees exclude. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
