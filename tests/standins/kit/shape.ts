/** True if an answer has the shape of a vendor's sample: no additional field, and none of another type. */

/** One line for each difference, `at` a path into the answer. `maps`: paths whose keys are data, as ids are. */
export function unlike(
  answer: unknown,
  sample: unknown,
  { maps = [] }: { readonly maps?: readonly string[] } = {},
  at = '$',
): string[] {
  if (kindOf(answer) !== kindOf(sample)) return [`${at}: ${kindOf(answer)}, the vendor has ${kindOf(sample)}`];
  if (Array.isArray(answer) && Array.isArray(sample))
    return answer.flatMap((item, n) =>
      sample.length === 0 ? [`${at}[${n}]: the vendor's list is empty`] : unlike(item, sample[0], { maps }, `${at}[]`),
    );
  if (!isMap(answer) || !isMap(sample)) return [];
  const [any] = Object.values(sample);
  return Object.entries(answer).flatMap(([key, value]) => {
    if (maps.includes(at)) return unlike(value, any, { maps }, `${at}.*`);
    return key in sample
      ? unlike(value, sample[key], { maps }, `${at}.${key}`)
      : [`${at}.${key}: the vendor has no such field`];
  });
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return kindOf(value) === 'object';
}
