/** Templates of all companies, or of one: what Meta says of each, when it was last asked, and asking it now. */
import { DataTable, Empty, Field, Head, Live, one, Pages, Section } from '@conversure/jobqueue-console/ui';
import type { Metadata } from 'next';
import { companyId as anyCompanyId } from '@/lib/fields';
import { templates } from '@/lib/templates';
import { Done, Refused } from '../messages';
import { requireSession } from '../operator';
import { ACCOUNT_COLUMNS, accountRow, EVENT_COLUMNS, eventRow } from './accounts';
import { TEMPLATE_COLUMNS, templateRow } from './rows';

export const metadata: Metadata = { title: 'Templates' };

/** A sync takes seconds; nobody else changes them by the minute. */
const LIVE_MS = 15_000;

export default async function Templates({ searchParams }: PageProps<'/templates'>) {
  const { role } = await requireSession();
  const sent = await searchParams;
  const companyId = anyCompanyId.safeParse(one(sent.company)).data;
  const after = /^\d{1,18}$/.exec(one(sent.after) ?? '')?.[0];
  const [page, accounts, events] = await Promise.all([
    templates.page({ companyId, after }),
    templates.accounts(companyId),
    templates.events(companyId),
  ]);
  return (
    <>
      <Head
        title="Templates"
        sub="Templates that companies may start a conversation with. They are read from Meta once an hour; Meta also reports changes."
      >
        <Live everyMs={LIVE_MS} />
      </Head>
      <Refused code={sent.refused} />
      <Done params={sent} />
      <form method="get" action="/templates" className="flex flex-wrap items-end gap-2">
        <Field name="company" label="Company">
          <input id="field-company" name="company" defaultValue={companyId} maxLength={100} placeholder="all of them" />
        </Field>
        <button type="submit" className="button">
          Show
        </button>
      </form>
      {page.templates.length === 0 ? (
        <Empty title="No templates">
          They come from Meta: give the company its WhatsApp business account, its number and its token, then sync.
        </Empty>
      ) : (
        <DataTable label="Templates" columns={TEMPLATE_COLUMNS} rows={page.templates.map(templateRow)} />
      )}
      <Pages of="templates" path="/templates" params={{ company: companyId }} after={after} next={page.next} />
      {accounts.length > 0 && (
        <Section title="WhatsApp business accounts">
          <DataTable
            label="WhatsApp business accounts"
            columns={ACCOUNT_COLUMNS}
            rows={accounts.map((account) => accountRow(account, role === 'operator'))}
          />
        </Section>
      )}
      {events.length > 0 && (
        <Section title="Meta’s events about accounts and numbers" aside="the last 20 within 90 days">
          <DataTable label="Events of accounts" columns={EVENT_COLUMNS} rows={events.map(eventRow)} />
        </Section>
      )}
    </>
  );
}
