/** Companies by id, with what waits for an operator, and the form that makes one. */
import {
  type Column,
  DataTable,
  Empty,
  Field,
  Head,
  one,
  Pages,
  Reason,
  Status,
  Submit,
} from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { type CompanySummary, companies } from '@/lib/companies';
import { companyId as anyCompanyId, text } from '@/lib/fields';
import { type Kept, KeptRefusal, keptFor, TextField, typed } from '../kept-form';
import { Done, Refused } from '../messages';
import { requireSession } from '../operator';
import { createCompany } from './change';

export const metadata: Metadata = { title: 'Companies' };

const COLUMNS: readonly Column[] = [
  { id: 'name', title: 'Company', heads: true },
  { id: 'id', title: 'Id' },
  { id: 'country', title: 'Country', from: 'wide' },
  { id: 'zone', title: 'Time zone', from: 'wide' },
  { id: 'number', title: 'WhatsApp number', from: 'wide' },
  { id: 'paused', title: 'Waits for an operator' },
];
const LABELS = { id: 'Id', name: 'Name', country: 'Country', timeZone: 'Time zone', reason: 'Reason' };

export default async function Companies({ searchParams }: PageProps<'/companies'>) {
  const { role } = await requireSession();
  const sent = await searchParams;
  const search = text(200).safeParse(one(sent.search)).data;
  const after = anyCompanyId.safeParse(one(sent.after)).data;
  const [page, kept] = await Promise.all([companies.page({ search, after }), keptFor('/companies', sent.kept)]);
  const isMaking = role === 'operator' && (one(sent.do) === 'create' || kept !== null);
  return (
    <>
      <Head title="Companies" sub="Whom this deployment works for: numbers, portals, models and the rules of each.">
        {role === 'operator' && !isMaking && (
          <Link className="button primary" href="/companies?do=create">
            New company
          </Link>
        )}
      </Head>
      <Refused code={sent.refused} />
      <Done params={sent} />
      {isMaking && <CreateForm kept={kept} />}
      <form method="get" action="/companies" className="flex flex-wrap items-end gap-2">
        <Field name="search" label="Part of the id or the name">
          <input id="field-search" name="search" type="search" defaultValue={search} maxLength={200} />
        </Field>
        <button type="submit" className="button">
          Find
        </button>
      </form>
      {page.companies.length === 0 ? (
        <Empty title="No companies">
          {search
            ? 'None has this in its id or name.'
            : 'Make the first one: imports and campaigns belong to a company.'}
        </Empty>
      ) : (
        <DataTable label="Companies" columns={COLUMNS} rows={page.companies.map(row)} />
      )}
      <Pages of="companies" path="/companies" params={{ search }} after={after} next={page.next} />
    </>
  );
}

function CreateForm({ kept }: { kept: Kept }) {
  return (
    <form action={createCompany} key={kept?.id} className="card grid max-w-3xl gap-3 p-4" aria-label="New company">
      <h2>New company</h2>
      <KeptRefusal kept={kept} labels={LABELS} />
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField
          name="id"
          label={LABELS.id}
          kept={kept}
          required
          maxLength={100}
          hint="Letters, digits and _.:@-. It cannot be changed later."
        />
        <TextField name="name" label={LABELS.name} kept={kept} required maxLength={200} />
        <TextField
          name="country"
          label={LABELS.country}
          kept={kept}
          value="AE"
          required
          maxLength={60}
          hint="ISO 3166, as in AE. Local phone numbers are read as numbers of this country."
        />
        <TextField
          name="timeZone"
          label={LABELS.timeZone}
          kept={kept}
          value="Asia/Dubai"
          required
          maxLength={60}
          hint="IANA name, as in Asia/Dubai."
        />
      </div>
      <Reason value={typed(kept, 'reason')} />
      <div className="flex flex-wrap justify-end gap-2">
        <Link href="/companies" className="button">
          Leave it
        </Link>
        <Submit>Make the company</Submit>
      </div>
    </form>
  );
}

function row({ id, name, country, timeZone, phoneNumberId, paused }: CompanySummary) {
  return {
    id,
    cells: {
      name: (
        <Link href={`/companies/${encodeURIComponent(id)}`} className="link break-words">
          {name}
        </Link>
      ),
      id: <span className="mono break-all">{id}</span>,
      country,
      zone: timeZone,
      number: phoneNumberId ? (
        <span className="mono">{phoneNumberId}</span>
      ) : (
        <span className="soft">none of its own</span>
      ),
      paused:
        paused.length === 0 ? (
          <span className="soft">nothing</span>
        ) : (
          <span className="flex flex-wrap gap-2">
            {paused.map((provider) => (
              <span key={provider} className="flex items-center gap-1">
                {provider} <Status of="paused" />
              </span>
            ))}
          </span>
        ),
    },
    ...(paused.length > 0 && { tone: 'warn' as const }),
  };
}
