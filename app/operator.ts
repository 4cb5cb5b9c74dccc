/** The second wall of every page and action: proxy.ts may be misconfigured, the data is asked for here. */
import { headers } from 'next/headers';
import { admitOperator, admitOrigin } from '@/lib/http/pages';

export async function requireOperator(): Promise<void> {
  admitOperator(await headers());
}

export async function requireOwnForm(): Promise<void> {
  admitOrigin(await headers());
}
