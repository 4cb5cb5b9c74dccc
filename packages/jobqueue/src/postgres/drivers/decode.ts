/** Decoders of Postgres' types: one table for all drivers, so that each returns the same values. */

type Decode = (text: string) => unknown;

const asText: Decode = (text) => text;
const toBoolean: Decode = (text) => text === 't';

/**
 * Decoders by type oid (`select oid, typname from pg_type`). Excluded: types that a JS number cannot hold, or whose format a
 * session setting changes.
 */
const DECODERS: ReadonlyMap<number, Decode> = new Map([
  [16, toBoolean], // bool
  [21, Number], // int2
  [23, Number], // int4
  [26, Number], // oid
  [700, Number], // float4
  [701, Number], // float8
  [114, JSON.parse], // json
  [3802, JSON.parse], // jsonb
]);

/** The `types` option of `pg` and of Neon's drivers. */
export const types = {
  getTypeParser: (oid: number): Decode => DECODERS.get(oid) ?? asText,
};
