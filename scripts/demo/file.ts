/** Chooses the leads that the demo imports: those of a named file, of the fixture, or with `--chaos` enough of them to be interrupted. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROJECT } from '../environment.ts';
import { SetupError } from '../setup-error.ts';

export interface LeadsFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The country that numbers without a country code are dialled from. */
  readonly country: string;
  readonly isChaos: boolean;
}

const PEOPLE = { default: 400, most: 5_000 };

/** `npm run demo -- leads.csv --country AE`, or `--chaos --people 400`; the fixture's numbers are American. */
export function fileOf(args: readonly string[]): LeadsFile {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { country: { type: 'string' }, chaos: { type: 'boolean', default: false }, people: { type: 'string' } },
  });
  const { chaos: isChaos, country } = values;
  const [path] = positionals;
  if (path === undefined && isChaos) return madeUp(peopleOf(values.people));
  if (values.people !== undefined) throw new SetupError('--people belongs to --chaos without a file of your own.');
  const from = path ?? join(PROJECT, 'fixtures', 'leads-100.csv');
  try {
    const bytes = new Uint8Array(readFileSync(from));
    return { name: basename(from), bytes, country: country ?? 'US', isChaos };
  } catch (error) {
    throw new SetupError(`${from} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
  }
}

function peopleOf(given = String(PEOPLE.default)): number {
  const people = Number(given);
  if (Number.isInteger(people) && people >= 1 && people <= PEOPLE.most) return people;
  throw new SetupError(`--people: expected a whole number from 1 to ${PEOPLE.most}, got ${given}`);
}

const NAMES = ['Amira', 'Omar', 'Lena', 'James', 'Chidi', 'Yuki', 'Sofía', 'Nikolai', 'Priya', 'Tariq'];

/** People who do not exist, with numbers that are well formed. Some rows are wrong, as in life. */
function madeUp(people: number): LeadsFile {
  const rows = Array.from({ length: people }, (_, n) => {
    const phone = n % 40 === 39 ? 'call me' : `050${1_000_000 + n}`;
    return `${phone},${NAMES[n % NAMES.length]} ${n},person${n}@example.com,Website`;
  });
  const bytes = new TextEncoder().encode(`phone,name,email,source\n${rows.join('\n')}\n`);
  return { name: `made-up-${people}.csv`, bytes, country: 'AE', isChaos: true };
}
