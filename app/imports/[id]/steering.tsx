/** The buttons of an import: only what it can be asked now. */
import type { ImportView } from '@/lib/imports';
import { steerImport } from '../steer';

export function Steering({ view }: { view: ImportView }) {
  const steps = stepsOf(view);
  if (steps.length === 0) return null;
  return (
    <div className="steps">
      {steps.map(([step, label]) => (
        <form key={step} action={steerImport}>
          <input type="hidden" name="importId" value={view.importId} />
          <input type="hidden" name="do" value={step} />
          <button type="submit">{label}</button>
        </form>
      ))}
    </div>
  );
}

type Step = readonly [step: 'pause' | 'resume' | 'cancel' | 'undo', label: string];

function stepsOf({ status, jobId, dryRun, counts }: ImportView): readonly Step[] {
  const cancel: Step = ['cancel', 'Cancel'];
  switch (status) {
    case 'pending':
    case 'running':
      return jobId === null ? [cancel] : [['pause', 'Pause'], cancel];
    case 'paused':
      return [['resume', 'Go on'], cancel];
    case 'waiting':
      return [cancel];
    case 'completed':
    case 'cancelled':
    case 'failed': // of its own it wrote nothing; given up it may have
      return dryRun || counts.created === 0 ? [] : [['undo', 'Take back what it created']];
    case 'undoing':
    case 'undone':
      return [];
  }
}
