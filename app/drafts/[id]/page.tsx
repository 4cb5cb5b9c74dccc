/** One draft: the conversation that it belongs to, what the checks say, and what can be decided. */
import { Facts, Head, Section, When } from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import Link from 'next/link';
import { notFound } from 'next/navigation';
import { type DraftView, drafts } from '@/lib/ai';
import { isDraftId } from '@/lib/ai/request';
import { Done, Refused } from '../../messages';
import { requireSession } from '../../operator';
import { DraftStatus, whyItWaits } from '../status';
import { Conversation } from './conversation';
import { Decisions } from './decisions';
import { Findings } from './findings';

export const metadata: Metadata = { title: 'Draft' };

export default async function Draft({ params, searchParams }: PageProps<'/drafts/[id]'>) {
  const { role } = await requireSession();
  const { id } = await params;
  const draft = isDraftId(id) ? await drafts.read(id) : null;
  if (draft === null) notFound();
  const sent = await searchParams;
  const { companyId, customer, status, isWaiting, verdict, edited, editedVerdict } = draft;
  return (
    <>
      <Head
        title={
          <>
            Draft for <bdi>{customer}</bdi>
          </>
        }
        sub={<DraftStatus of={status} />}
      >
        <Link className="button" href="/drafts">
          All drafts
        </Link>
      </Head>
      <Refused code={sent.refused} at={sent.at} />
      <Done params={sent} />
      {isWaiting ? <Warnings draft={draft} /> : <Decision draft={draft} />}
      <Section title="Conversation">
        <Conversation lines={draft.lines} />
      </Section>
      <Section title="Draft">
        {draft.draft ? (
          <p dir="auto" className="card whitespace-pre-wrap break-words p-3">
            {draft.draft}
          </p>
        ) : (
          <p className="soft">No model wrote one: {whyItWaits(draft)}.</p>
        )}
        {verdict && <Findings label="Findings in the draft" verdict={verdict} />}
      </Section>
      {edited && (
        <Section title={isWaiting ? 'The last text that was not sent' : 'What was sent instead'}>
          <p dir="auto" className="card whitespace-pre-wrap break-words p-3">
            {edited}
          </p>
          {editedVerdict && <Findings label="Findings in the text" verdict={editedVerdict} />}
        </Section>
      )}
      {isWaiting && role === 'operator' && (
        <Section title="Decide">
          <Decisions draft={draft} />
        </Section>
      )}
      <Facts
        facts={[
          [
            'Company',
            <span key="company" className="mono">
              {companyId}
            </span>,
          ],
          [isWaiting ? 'Waits because' : 'Waited because', whyItWaits(draft)],
          ['Intent', draft.intent ?? '–'],
          ['Confidence', draft.confidence === null ? '–' : `${Math.round(draft.confidence * 100)} %`],
          ['Model', draft.model ?? '–'],
          ['Drafted', <When key="drafted" at={new Date(draft.createdAt)} />],
        ]}
      />
    </>
  );
}

/** Facts to know before deciding. */
function Warnings({ draft: { isOutdated, isAnswered, isBlocked, windowEndsAt } }: { draft: DraftView }) {
  const isClosed = windowEndsAt !== null && new Date(windowEndsAt) < new Date();
  return (
    <>
      {isBlocked && (
        <p className="banner border-bad" role="status">
          This draft cannot be sent as it is. Write another text, or reject it.
        </p>
      )}
      {isOutdated && (
        <p className="banner border-warn" role="status">
          Outdated: the customer has written since. The draft does not answer their newest message.
        </p>
      )}
      {isAnswered && (
        <p className="banner border-warn" role="status">
          A colleague has answered since.
        </p>
      )}
      {isClosed && (
        <p className="banner border-warn" role="status">
          The 24 hours in which WhatsApp takes a free text are over: a reply would not be delivered.
        </p>
      )}
    </>
  );
}

/** The one who decided, and what became of it. */
function Decision({ draft: { status, decidedBy, decidedAt, decisionReason, messageStatus } }: { draft: DraftView }) {
  return (
    <p className="banner" role="status">
      Decided: {status} by <strong>{decidedBy ?? 'nobody known'}</strong>,{' '}
      <When at={decidedAt === null ? null : new Date(decidedAt)} />
      {decisionReason && <span>: {decisionReason}</span>}
      {messageStatus && <span className="soft"> (message {messageStatus})</span>}
    </p>
  );
}
