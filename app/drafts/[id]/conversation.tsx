/** The latest messages of a conversation: the customer's on one side, ours on the other, and which one the draft answers. */
import { When } from '@conversure/jobqueue-console/ui';
import type { DraftLine } from '@/lib/ai';

const AUTHORS = {
  customer: 'Customer',
  ai: 'AI',
  person: 'Colleague',
  campaign: 'Campaign',
  system: 'System',
} as const;

export function Conversation({ lines }: { lines: readonly DraftLine[] }) {
  return (
    <ol className="card grid gap-2 p-3" aria-label="Conversation">
      {lines.map(({ id, direction, author, kind, body, status, at }) => (
        <li
          key={id}
          className={`max-w-[85%] rounded-lg border border-line px-3 py-2 ${direction === 'inbound' ? 'justify-self-start' : 'justify-self-end bg-hover'}`}
        >
          <div className="soft text-[0.85rem]">
            {AUTHORS[author]}, <When at={new Date(at)} />
            {direction === 'outbound' && `, ${status}`}
          </div>
          <p dir="auto" className="whitespace-pre-wrap break-words">
            {body ?? <span className="soft">({kind}, no text)</span>}
          </p>
        </li>
      ))}
    </ol>
  );
}
