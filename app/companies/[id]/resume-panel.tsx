/** The question before a connection is resumed. */
import { Hidden, Panel, Reason, Submit } from '@conversure/jobqueue-console/ui';
import type { ConnectionView } from '@/lib/companies';
import { resumeOfCompany } from '../change';
import { NAMES } from './connections';

interface ResumePanelProps {
  readonly id: string;
  readonly path: string;
  readonly connection: ConnectionView;
}

export function ResumePanel({ id, path, connection: { provider, reason, code } }: ResumePanelProps) {
  return (
    <Panel
      title={`Resume ${NAMES[provider]}`}
      back={path}
      description={
        <>
          <p className="break-words">
            It was paused because: {reason} ({code}).
          </p>
          <p>Its jobs come back within five minutes. If the cause is not fixed, the next one pauses it again.</p>
        </>
      }
    >
      <form action={resumeOfCompany} className="grid gap-3">
        <Hidden values={{ id, provider }} />
        <Reason />
        <div className="flex flex-wrap justify-end gap-2">
          <a href={path} className="button">
            Leave it
          </a>
          <Submit>Resume</Submit>
        </div>
      </form>
    </Panel>
  );
}
