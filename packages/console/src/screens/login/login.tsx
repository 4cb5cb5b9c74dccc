/** The login. Works without JavaScript; says nothing of what is behind it. */
import { NotConfiguredError } from '@conversure/jobqueue/next';
import type { Metadata } from 'next';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { sessionOf } from '@/lib/http/pages';
import { hasLogin } from '@/lib/http/session';
import { log } from '@/lib/log';
import { Refused } from '../refused';
import { signIn } from './login';
import { localPath } from './next';

export const metadata: Metadata = { title: 'Sign in' };

export default async function Login({ searchParams }: PageProps<'/login'>) {
  const { refused, next } = await searchParams;
  const target = localPath(next);
  if (sessionOf(await headers()) !== null) redirect(target);
  if (!hasLogin()) log.error({ variable: 'OPERATOR_SECRET' }, new NotConfiguredError('OPERATOR_SECRET').advice);
  return (
    <div className="grid min-h-dvh place-items-center p-4">
      <form action={signIn} className="card grid w-full max-w-sm gap-4 p-6">
        <div>
          <h1>Conversure JobQueue</h1>
          <p className="soft">Sign in to look after the queue.</p>
        </div>
        <Refused code={hasLogin() ? refused : 'not_configured'} />
        <input type="hidden" name="next" value={target} />
        <div className="field">
          <label htmlFor="name">Your name</label>
          <input id="name" name="name" required maxLength={60} autoComplete="username" aria-describedby="name-why" />
          <span id="name-why" className="soft text-[0.88rem]">
            Stands beside everything you do in the audit log.
          </span>
        </div>
        <div className="field">
          <label htmlFor="secret">Secret</label>
          <input
            id="secret"
            name="secret"
            type="password"
            required
            maxLength={512}
            autoComplete="current-password"
            aria-describedby="secret-which"
          />
          <span id="secret-which" className="soft text-[0.88rem]">
            OPERATOR_SECRET to act, VIEWER_SECRET to look only.
          </span>
        </div>
        <button type="submit" className="button primary">
          Sign in
        </button>
      </form>
    </div>
  );
}
