/** People who asked not to be written to: found by company, number, source and date; written down and lifted here. */
import {
  address,
  type Column,
  DataTable,
  Empty,
  Head,
  one,
  Pages,
  viewerZone,
  When,
} from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { type OptOut, optOuts } from '@/lib/opt-outs';
import { keptFor } from '../kept-form';
import { Done, Refused } from '../messages';
import { requireSession } from '../operator';
import { AddPanel } from './add-panel';
import { Filters } from './filters';
import { LiftPanel } from './lift-panel';
import { cursorOf, filterOf, paramsOf, SCOPE_WORDS, SOURCE_WORDS } from './query';

export const metadata: Metadata = { title: 'Opt-outs' };

const COLUMNS: readonly Column[] = [
  { id: 'person', title: 'Person', heads: true },
  { id: 'company', title: 'Company' },
  { id: 'scope', title: 'Refuses' },
  { id: 'source', title: 'Source' },
  { id: 'reason', title: 'Reason', from: 'wide' },
  { id: 'at', title: 'Since' },
  { id: 'do', title: '', align: 'right' },
];

export default async function OptOuts({ searchParams }: PageProps<'/opt-outs'>) {
  const { role } = await requireSession();
  const sent = await searchParams;
  const zone = await viewerZone();
  const params = paramsOf(sent);
  const filter = filterOf(params, zone);
  const after = cursorOf(sent);
  const [page, kept] = await Promise.all([optOuts.page(filter, after), keptFor('/opt-outs', sent.kept)]);
  const canAct = role === 'operator';
  const lifted = canAct
    ? page.optOuts.find(({ id, liftedAt }) => id === one(sent.lift) && liftedAt === null)
    : undefined;
  const here = { ...params, after };
  return (
    <>
      <Head
        title="Opt-outs"
        sub="People who do not want messages, newest first. Every job checks this list before it sends."
      >
        {canAct && (
          <Link className="button primary" scroll={false} href={address('/opt-outs', { ...here, do: 'add' })}>
            Record one…
          </Link>
        )}
        <a className="button" href={address('/opt-outs/file', params)} download>
          Download
        </a>
      </Head>
      <Refused code={sent.refused} />
      <Done params={sent} />
      <Filters params={params} />
      {page.optOuts.length === 0 ? (
        <Empty title={page.next ? 'None so far' : 'No opt-outs match'}>
          {page.next
            ? 'The newest 20,000 were searched; older ones may match.'
            : 'Remove a criterion. Part of the number is enough, in any notation.'}
        </Empty>
      ) : (
        <DataTable
          label="Opt-outs"
          columns={COLUMNS}
          rows={page.optOuts.map((one) => row(one, canAct ? address('/opt-outs', { ...here, lift: one.id }) : null))}
        />
      )}
      <Pages
        of="opt-outs"
        path="/opt-outs"
        params={params}
        after={after}
        next={page.next}
        nextLabel={page.searchedTo === null ? 'Next page' : 'Look further'}
      />
      {canAct && one(sent.do) === 'add' && (
        <AddPanel back={address('/opt-outs', here)} company={params.company} kept={kept} />
      )}
      {lifted && <LiftPanel back={address('/opt-outs', here)} optOut={lifted} kept={kept} />}
    </>
  );
}

function row(
  { id, companyId, phone, userId, scope, source, reason, optedOutAt, liftedAt }: OptOut,
  lift: string | null,
) {
  const person = phone ?? userId ?? '';
  return {
    id,
    cells: {
      person: (
        <span className="grid gap-0.5">
          <span className="mono">{person}</span>
          {phone !== null && userId !== null && <span className="soft mono font-normal">{userId}</span>}
        </span>
      ),
      company: (
        <Link href={`/companies/${encodeURIComponent(companyId)}`} className="link mono break-all">
          {companyId}
        </Link>
      ),
      scope: SCOPE_WORDS[scope] ?? scope,
      source: SOURCE_WORDS[source] ?? source,
      reason: <span className="line-clamp-3 break-words">{reason ?? '–'}</span>,
      at: (
        <span className="grid gap-0.5">
          <When at={new Date(optedOutAt)} />
          {liftedAt !== null && (
            <span className="soft">
              lifted <When at={new Date(liftedAt)} />
            </span>
          )}
        </span>
      ),
      do: lift !== null && liftedAt === null && (
        <Link href={lift} scroll={false} className="button small" aria-label={`Lift… ${person}`}>
          Lift…
        </Link>
      ),
    },
  };
}
