/** A portal's directory of leads: their fields, stages and sources. */

export const FIELDS: ReadonlySet<string> = new Set([
  'title',
  'name',
  'secondName',
  'lastName',
  'companyTitle',
  'sourceId',
  'sourceDescription',
  'stageId',
  'statusDescription',
  'opportunity',
  'currencyId',
  'comments',
  'assignedById',
  'originatorId',
  'originId',
]);

/** As a new portal has them. */
export const STATUSES: Readonly<Record<string, readonly string[]>> = {
  STATUS: ['NEW', 'IN_PROCESS', 'PROCESSED', 'CONVERTED', 'JUNK'],
  SOURCE: ['CALL', 'EMAIL', 'WEB', 'ADVERTISING', 'PARTNER', 'OTHER'],
};

export function fieldsOf(names: Iterable<string>): object {
  const all = [...names].map((name) => [name, { type: 'string', isReadOnly: false }]);
  const more = { id: { type: 'integer', isReadOnly: true }, fm: { type: 'crm_multifield', isReadOnly: false } };
  return { fields: { ...more, ...Object.fromEntries(all) } };
}

/** A page of `crm.status.list`. */
export function statusesOf(
  statuses: Readonly<Record<string, readonly string[]>>,
  params: Record<string, unknown>,
): object[] {
  const { filter = {}, start = 0 } = params as { filter?: { ENTITY_ID?: string }; start?: unknown };
  const all = Object.entries(statuses).flatMap(([entity, ids]) =>
    ids.map((id) => ({ ENTITY_ID: entity, STATUS_ID: id })),
  );
  const found = all.filter(({ ENTITY_ID: entity }) => filter.ENTITY_ID === undefined || filter.ENTITY_ID === entity);
  return found.slice(Number(start), Number(start) + 50);
}
