/** The filter of the jobs page: a plain form whose fields become the address. */

import { Field } from '../../ui/field.tsx';
import { Search } from '../../ui/icons.tsx';
import { Link } from '../../ui/link.tsx';
import { type JobParams, STATUSES } from './query.ts';

export function Filters({ params, types }: { params: JobParams; types: readonly string[] }) {
  const { status, type, queue, search, from, until } = params;
  const times = status === 'PENDING' ? 'Due' : 'Created';
  const known = type === undefined || types.includes(type) ? types : [...types, type];
  return (
    <form method="get" className="card grid max-w-none gap-3 p-3">
      <div className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-[10rem_12rem_9rem_minmax(12rem,1fr)_auto_auto]">
        <Field name="status" label="Status">
          <select id="field-status" name="status" defaultValue={status ?? ''}>
            <option value="">all</option>
            {STATUSES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </Field>
        <Field name="type" label="Type">
          <select id="field-type" name="type" defaultValue={type ?? ''}>
            <option value="">all</option>
            {known.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </Field>
        <Field name="queue" label="Queue">
          <input id="field-queue" name="queue" defaultValue={queue} maxLength={100} placeholder="all" />
        </Field>
        <Field name="search" label="Id or key prefix">
          <input
            id="field-search"
            name="search"
            type="search"
            defaultValue={search}
            maxLength={512}
            title="A job’s id, or the beginning of the idempotency key that it holds"
          />
        </Field>
        <Field name="from" label={`${times} from`}>
          <input id="field-from" name="from" type="datetime-local" defaultValue={from} />
        </Field>
        <Field name="until" label={`${times} before`}>
          <input id="field-until" name="until" type="datetime-local" defaultValue={until} />
        </Field>
      </div>
      <div className="flex gap-2">
        <button type="submit" className="button primary">
          <Search size={15} />
          Find
        </button>
        <Link href="/jobs" className="button quiet">
          Clear
        </Link>
      </div>
    </form>
  );
}
