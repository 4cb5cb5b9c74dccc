/** The login. Works without JavaScript; says nothing of what is behind it. */
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { sessionOf } from '../../auth/access.ts';
import { hasLogin } from '../../auth/session.ts';
import { localPath } from '../../local-path.ts';
import type { Sent, Setup } from '../../options.ts';
import { within } from '../../paths.ts';
import { ActionForm } from '../../ui/action-form.tsx';
import { Refused } from '../../ui/refused.tsx';

export async function Login({ setup, sent: { refused, next } }: { setup: Setup; sent: Sent }) {
  const target = localPath(next);
  if (sessionOf(await headers()) !== null) redirect(within(setup.base, target));
  if (!hasLogin())
    setup.log('error', 'console_closed', {
      variable: 'OPERATOR_SECRET',
      reason: 'it is unset or not 16 to 512 visible ASCII characters, so nobody can sign in',
    });
  return (
    <div className="grid min-h-dvh place-items-center p-4">
      <ActionForm run="sign-in" className="card grid w-full max-w-sm gap-4 p-6">
        <div>
          <h1>{setup.title}</h1>
          <p className="soft">Sign in to operate the queue.</p>
        </div>
        <Refused code={hasLogin() ? refused : 'not_configured'} messages={setup.messages} />
        <input type="hidden" name="next" value={target} />
        <div className="field">
          <label htmlFor="name">Your name</label>
          <input id="name" name="name" required maxLength={60} autoComplete="username" aria-describedby="name-why" />
          <span id="name-why" className="soft text-[0.88rem]">
            The audit log shows it with each of your actions.
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
      </ActionForm>
    </div>
  );
}
