/** The page for an address that does not exist. */
import { Empty, Head, Link } from '@conversure/jobqueue-console/ui';

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
