/** What an address shows that leads nowhere. */
import Link from 'next/link';
import { Empty, Head } from './ui/head';

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
