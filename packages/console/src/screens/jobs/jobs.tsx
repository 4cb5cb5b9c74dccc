/** Jobs by any filter, page by page, and what can be done to the chosen ones or to all that the filter means. */

import { type JobsQuery, QueueError } from '@conversure/jobqueue';
import type { ScreenProps } from '../../options.ts';
import { one } from '../../ui/address.ts';
import { Done } from '../../ui/done.tsx';
import { Hidden } from '../../ui/field.tsx';
import { Empty, Head } from '../../ui/head.tsx';
import { Live } from '../../ui/live.tsx';
import { Pages } from '../../ui/pages.tsx';
import { Refused } from '../../ui/refused.tsx';
import { viewerZone } from '../../ui/zoned.ts';
import { BulkPanel } from './bulk-panel.tsx';
import { Filters } from './filters.tsx';
import { JobTable } from './job-table.tsx';
import { addressOf, type BulkAction, type JobParams, LIVE_ACTIONS, paramsOf, queryOf } from './query.ts';

function orderOf({ status, fingerprint }: JobsQuery): string {
  if (fingerprint) return 'One group of dead letters, latest first.';
  return status === 'PENDING' ? 'Earliest due time first.' : 'Newest first.';
}

export async function Jobs({ setup: { queue, messages }, session: { role }, sent }: ScreenProps) {
  const zone = await viewerZone();
  const params = paramsOf(sent);
  const after = one(sent.after);
  const query = queryOf(params, zone);
  const page = await queue.listJobs(query, after === undefined ? {} : { after }).catch((error: unknown) => {
    if (error instanceof QueueError && error.code === 'option_invalid') return queue.listJobs(query); // of another filter, or nobody's
    throw error;
  });
  const actions = role === 'operator' ? actionsOf(params) : [];
  const asked = actions.find((action) => action === one(sent.do));
  return (
    <>
      <Head title="Jobs" sub={orderOf(query)}>
        <Live everyMs={15_000} />
      </Head>
      <Refused code={sent.refused} at={sent.at} messages={messages} />
      <Done params={sent} messages={messages} />
      <Filters params={params} types={queue.jobs.map(({ type }) => type)} />
      {page.jobs.length === 0 ? (
        <Empty title={page.next ? 'None so far' : 'No jobs match'}>
          {page.next
            ? `All jobs down to ${page.searchedTo} were searched; older ones may match.`
            : 'Remove a criterion, or try another status. A search by key does not find dead letters and cancelled jobs, because they no longer hold their keys.'}
        </Empty>
      ) : (
        <form method="get" className="grid max-w-none grid-cols-[minmax(0,1fr)] gap-3">
          <Hidden values={addressOf(params)} />
          {actions.length > 0 && <Actions actions={actions} params={params} />}
          <JobTable jobs={page.jobs} choose={actions.length > 0} />
        </form>
      )}
      {page.isPart && (
        <p className="soft">
          More than 100,000 lanes hold pending jobs; only the first were searched. Choose a queue to see all of its
          jobs.
        </p>
      )}
      <Pages
        of="jobs"
        path="/jobs"
        params={addressOf(params)}
        after={after}
        next={page.next}
        nextLabel={page.searchedTo === null ? 'Next page' : `Search on, below ${page.searchedTo}`}
      />
      {asked && <BulkPanel queue={queue} action={asked} params={params} zone={zone} />}
    </>
  );
}

function actionsOf({ status }: JobParams): readonly BulkAction[] {
  if (status === 'COMPLETED') return [];
  return status === 'DEAD_LETTER' || status === 'CANCELLED' ? ['replay'] : LIVE_ACTIONS;
}

const BUTTONS: Readonly<Record<BulkAction, string>> = {
  cancel: 'Cancel…',
  reschedule: 'Reschedule…',
  set_priority: 'Priority…',
  replay: 'Replay…',
};

function Actions({ actions, params }: { actions: readonly BulkAction[]; params: JobParams }) {
  const isNarrow = params.type !== undefined || params.queue !== undefined || params.status !== undefined;
  return (
    <div className="flex flex-wrap items-center gap-2">
      {actions.map((action) => (
        <button key={action} type="submit" name="do" value={action} className="button small">
          {BUTTONS[action]}
        </button>
      ))}
      <span className="soft text-[0.92rem]">
        {isNarrow
          ? 'Applies to the chosen jobs, or to all jobs of the filter if none is chosen.'
          : 'Applies to the chosen jobs.'}
      </span>
    </div>
  );
}
