/** Replies that wait for a person, of all companies or of one, the newest first. */
import { Ago, type Column, DataTable, Empty, Field, Head, Live, one, Pages } from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { type DraftSummary, drafts } from '@/lib/ai';
import { isDraftId } from '@/lib/ai/request';
import { companyId as anyCompanyId } from '@/lib/fields';
import { Refused } from '../messages';
import { requireSession } from '../operator';
import { DraftStatus, whyItWaits } from './status';

export const metadata: Metadata = { title: 'Drafts' };

const COLUMNS: readonly Column[] = [
  { id: 'question', title: 'Customer', heads: true },
  { id: 'draft', title: 'Draft' },
  { id: 'status', title: 'Status' },
  { id: 'why', title: 'Why it waits', from: 'widest' },
  { id: 'company', title: 'Company' },
  { id: 'age', title: 'Drafted' },
];
/** Somebody who answers customers keeps it open. */
const LIVE_MS = 15_000;

export default async function Drafts({ searchParams }: PageProps<'/drafts'>) {
  await requireSession();
  const sent = await searchParams;
  const companyId = anyCompanyId.safeParse(one(sent.company)).data;
  const after = one(sent.after);
  const page = await drafts.page({ companyId, after: after && isDraftId(after) ? after : undefined });
  return (
    <>
      <Head title="Drafts" sub="Replies of the AI that wait for a person. Newest first.">
        <Live everyMs={LIVE_MS} />
      </Head>
      <Refused code={sent.refused} />
      <form method="get" action="/drafts" className="flex flex-wrap items-end gap-2">
        <Field name="company" label="Company">
          <input id="field-company" name="company" defaultValue={companyId} maxLength={100} placeholder="all of them" />
        </Field>
        <button type="submit" className="button">
          Show
        </button>
      </form>
      {page.drafts.length === 0 ? (
        <Empty title="No drafts wait">
          {companyId ? 'None of this company. Its id has to be written in full.' : 'Every reply was sent or decided.'}
        </Empty>
      ) : (
        <DataTable label="Drafts" columns={COLUMNS} rows={page.drafts.map(row)} />
      )}
      <Pages of="drafts" path="/drafts" params={{ company: companyId }} after={after} next={page.next} />
    </>
  );
}

function row(draft: DraftSummary) {
  const { draftId, companyId, customer, question, status, createdAt, isOutdated } = draft;
  return {
    id: draftId,
    cells: {
      question: (
        <>
          <Link href={`/drafts/${draftId}`} className="link">
            <bdi>{customer}</bdi>
          </Link>
          <Excerpt text={question} />
        </>
      ),
      draft: <Excerpt text={draft.draft} />,
      status: (
        <span className="flex flex-wrap gap-1">
          <DraftStatus of={status} />
          {isOutdated && <span className="badge text-warn">outdated</span>}
        </span>
      ),
      why: whyItWaits(draft),
      company: <span className="mono">{companyId}</span>,
      age: <Ago at={new Date(createdAt)} />,
    },
    ...(status === 'blocked' || status === 'failed' ? { tone: 'bad' as const } : {}),
  };
}

/** One line of what somebody wrote, in the direction of its own script. */
function Excerpt({ text }: { text: string | null }) {
  if (text === null || text === '') return <span className="soft">–</span>;
  return (
    <span dir="auto" className="soft block max-w-[28ch] truncate font-normal">
      {text.slice(0, EXCERPT_CHARS).toWellFormed()}
    </span>
  );
}

const EXCERPT_CHARS = 120;
