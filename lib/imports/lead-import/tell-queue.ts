/** Keeps the queue informed without waiting for it: slices commit by themselves, a checkpoint travels with the queue's next step. */
import type { JobContext } from '@conversure/jobqueue';

/** Passes on the newest `state` whenever the last one has arrived. Throws once the queue said that the job is no longer ours. */
export function tellQueue({ checkpoint }: Pick<JobContext<never>, 'checkpoint'>): (state: unknown) => void {
  let onItsWay = false;
  let refusal: { readonly error: unknown } | null = null;
  return (state) => {
    if (refusal) throw refusal.error;
    if (onItsWay) return;
    onItsWay = true;
    checkpoint(state).then(
      () => {
        onItsWay = false;
      },
      (error: unknown) => {
        refusal = { error };
      },
    );
  };
}
