/** The page for an address that does not exist. Next.js shows it without the layout as the answer to a form, so it needs nothing of that. */
import { Empty, Head } from '@conversure/jobqueue-console/ui';
import Link from 'next/link';

export default function NotFound() {
  return (
    <>
      <Head title="There is nothing here" />
      <Empty title="It may have been pruned, or the address is mistyped">
        History is kept for as long as <Link href="/jobs">jobs</Link> say in their retention.
      </Empty>
    </>
  );
}
