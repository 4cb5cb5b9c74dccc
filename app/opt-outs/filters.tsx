/** The filter of the opt-outs page: a plain form whose fields become the address. */
import { Field } from '@conversure/jobqueue-console/ui';
import Link from 'next/link';
import { SCOPES, SOURCES } from '@/lib/opt-outs/request';
import { Search } from '../icons';
import { type OptOutParams, SCOPE_WORDS, SOURCE_WORDS } from './query';

const STATE_WORDS = { in_force: 'in force', lifted: 'lifted', any: 'both' } as const;

export function Filters({ params: { company, search, source, scope, state, from, until } }: { params: OptOutParams }) {
  return (
    <form method="get" action="/opt-outs" className="card grid max-w-none gap-3 p-3">
      <div className="grid grid-cols-2 gap-3 md:grid-cols-4">
        <Field name="search" label="Part of the number">
          <input
            id="field-search"
            name="search"
            type="search"
            defaultValue={search}
            maxLength={100}
            title="As it is written anywhere: 050 123, +971 50. A part of a WhatsApp user id works too"
          />
        </Field>
        <Field name="company" label="Company">
          <input id="field-company" name="company" defaultValue={company} maxLength={100} placeholder="all of them" />
        </Field>
        <Field name="source" label="Source">
          <select id="field-source" name="source" defaultValue={source ?? ''}>
            <option value="">all</option>
            {SOURCES.map((name) => (
              <option key={name} value={name}>
                {SOURCE_WORDS[name]}
              </option>
            ))}
          </select>
        </Field>
        <Field name="scope" label="Refuses">
          <select id="field-scope" name="scope" defaultValue={scope ?? ''}>
            <option value="">anything</option>
            {SCOPES.map((name) => (
              <option key={name} value={name}>
                {SCOPE_WORDS[name]}
              </option>
            ))}
          </select>
        </Field>
        <Field name="state" label="State">
          <select id="field-state" name="state" defaultValue={state ?? 'in_force'}>
            {Object.entries(STATE_WORDS).map(([name, words]) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </select>
        </Field>
        <Field name="from" label="From">
          <input id="field-from" name="from" type="datetime-local" defaultValue={from} />
        </Field>
        <Field name="until" label="Before">
          <input id="field-until" name="until" type="datetime-local" defaultValue={until} />
        </Field>
      </div>
      <div className="flex gap-2">
        <button type="submit" className="button primary">
          <Search size={15} />
          Find
        </button>
        <Link href="/opt-outs" className="button quiet">
          Clear
        </Link>
      </div>
    </form>
  );
}
