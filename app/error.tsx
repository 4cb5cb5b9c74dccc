/** The page shown if rendering fails. It says where to look; the log has the details. */
'use client';

export default function Failed({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <div role="alert" className="card grid justify-items-start gap-3 border-l-4 border-l-bad p-4">
      <h1>This did not work</h1>
      <p>
        The log of this deployment says why{error.digest && ` (look for ${error.digest})`}. If you were sending a file:
        it must not be larger than 4 MB.
      </p>
      <button type="button" onClick={reset}>
        Try again
      </button>
    </div>
  );
}
