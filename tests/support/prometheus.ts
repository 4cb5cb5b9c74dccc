/** A strict reader of Prometheus' text format 0.0.4: it throws on whatever a scraper would refuse or misread. */

export interface Scrape {
  readonly types: ReadonlyMap<string, string>;
  /** The value of one series; throws if there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
  /** Each series of a name, as labels and value. */
  all(name: string): readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"`;
const NUMBER = String.raw`[+-]?Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?`;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (${NUMBER})$`);

export function readScrape(text: string): Scrape {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const series = new Map<string, { name: string; labels: Record<string, string>; value: number }>();
  let family = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const help = new RegExp(`^# HELP (${NAME}) (?:[^\\\\]|\\\\[\\\\n])*$`).exec(line)?.[1];
    const [, typed, type] = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line) ?? [];
    if (help !== undefined) {
      if (helped.has(help)) throw new Error(`a second HELP of ${help}`);
      helped.add(help);
    } else if (typed !== undefined && type !== undefined) {
      if (types.has(typed)) throw new Error(`a second TYPE of ${typed}: samples of a family must stand together`);
      if (type === 'counter' && !typed.endsWith('_total')) throw new Error(`the counter ${typed} is not named _total`);
      types.set(typed, type);
      family = typed;
    } else {
      const [, name = '', labelText = '', value = ''] = SAMPLE.exec(line) ?? [];
      if (name === '') throw new Error(`neither comment nor sample: ${line}`);
      const suffixes = types.get(family) === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      if (!suffixes.some((suffix) => name === family + suffix))
        throw new Error(`${name} stands in the family ${family}`);
      const pairs = [...labelText.matchAll(new RegExp(LABEL, 'g'))].map(([pair]): [string, string] => {
        const at = pair.indexOf('=');
        return [pair.slice(0, at), pair.slice(at + 2, -1).replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c))];
      });
      const labels = Object.fromEntries(pairs);
      if (Object.keys(labels).length !== pairs.length) throw new Error(`a label stands twice: ${line}`);
      const key = keyOf(name, labels);
      if (series.has(key)) throw new Error(`a series stands twice: ${line}`);
      series.set(key, { name, labels, value: Number(value.replace('Inf', 'Infinity')) });
    }
  }
  const all = (name: string) => [...series.values()].filter((one) => one.name === name);
  for (const [name, type] of types) if (type === 'histogram') checkHistogram(name, all);
  return {
    types,
    all,
    value(name, labels = {}) {
      const found = series.get(keyOf(name, labels));
      if (!found) throw new Error(`no series ${keyOf(name, labels)}`);
      return found.value;
    },
  };
}

/** Buckets rise with their limits and end with +Inf, which is the count. */
function checkHistogram(name: string, all: Scrape['all']): void {
  for (const { labels, value: count } of all(`${name}_count`)) {
    const buckets = all(`${name}_bucket`)
      .filter((bucket) => Object.entries(labels).every(([label, value]) => bucket.labels[label] === value))
      .map((bucket) => ({ le: Number(bucket.labels.le?.replace('Inf', 'Infinity')), value: bucket.value }));
    for (const [n, bucket] of buckets.entries()) {
      const before = buckets[n - 1];
      if (before && !(before.le < bucket.le && before.value <= bucket.value))
        throw new Error(`${name}: the bucket ${bucket.le} does not follow ${before.le}`);
    }
    const last = buckets.at(-1);
    if (last?.le !== Number.POSITIVE_INFINITY || last.value !== count)
      throw new Error(`${name}: the last bucket is not the count`);
  }
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  return `${name}${JSON.stringify(Object.entries(labels).sort())}`;
}
