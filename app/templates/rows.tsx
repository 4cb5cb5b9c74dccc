/** One template as a row: how it is named, whether it may be sent, and what people read. */
import { Ago, address, type Column, type Icon as IconType, type TableRow } from '@conversure/jobqueue-console/ui';
import Link from 'next/link';
import { keyOf, type TemplateView } from '@/lib/templates';
import { Archive, Ban, CircleAlert, CircleCheck, CircleDashed, CircleX, Pause, TriangleAlert } from '../icons';

export const TEMPLATE_COLUMNS: readonly Column[] = [
  { id: 'name', title: 'Template', heads: true },
  { id: 'status', title: 'Status' },
  { id: 'quality', title: 'Quality' },
  { id: 'category', title: 'Category' },
  { id: 'company', title: 'Company' },
  { id: 'body', title: 'Text' },
  { id: 'synced', title: 'Last synced', from: 'wide' },
];

const STATUSES: Readonly<Record<TemplateView['status'], readonly [icon: IconType, className: string]>> = {
  APPROVED: [CircleCheck, 'text-good'],
  PENDING: [CircleDashed, 'text-soft'],
  PAUSED: [Pause, 'text-warn'],
  REJECTED: [CircleX, 'text-bad'],
  DISABLED: [Ban, 'text-bad'],
  DELETED: [Archive, 'text-soft'],
};
const QUALITIES: Readonly<Record<TemplateView['quality'], readonly [icon: IconType, className: string, word: string]>> =
  {
    GREEN: [CircleCheck, 'text-good', 'high'],
    YELLOW: [TriangleAlert, 'text-warn', 'medium'],
    RED: [CircleAlert, 'text-bad', 'low'],
    UNKNOWN: [CircleDashed, 'text-soft', 'not rated'],
  };

export function templateRow(template: TemplateView): TableRow {
  const { id, companyId, name, language, category, status, statusReason, quality, syncedAt, unsupported } = template;
  const [StatusIcon, statusLook] = STATUSES[status];
  const [QualityIcon, qualityLook, qualityWord] = QUALITIES[quality];
  return {
    id,
    cells: {
      name: (
        <span className="grid gap-0.5">
          <span className="min-w-[20ch] break-all">{name}</span>
          <span className="soft font-normal">{language}</span>
        </span>
      ),
      status: (
        <span className="grid justify-items-start gap-0.5">
          <span className={`badge ${statusLook}`}>
            <StatusIcon size={13} />
            {status.toLowerCase()}
          </span>
          {statusReason && <span className="soft break-words text-[0.88rem]">{statusReason}</span>}
        </span>
      ),
      quality: (
        <span className={`badge ${qualityLook}`}>
          <QualityIcon size={13} />
          {qualityWord}
        </span>
      ),
      category: category.toLowerCase(),
      company: (
        <Link href={address('/templates', { company: companyId })} className="link mono break-all">
          {companyId}
        </Link>
      ),
      body: (
        <span className="grid max-w-[48ch] gap-1">
          <span dir="auto" className="whitespace-pre-line break-words">
            <Gaps text={template.body} />
          </span>
          {template.parameters.length > 0 && (
            <span className="soft break-words text-[0.88rem]">
              fills {template.parameters.map((one) => `${keyOf(one)}${one.optional ? ' (optional)' : ''}`).join(', ')}
            </span>
          )}
          {unsupported && (
            <span className="text-[0.88rem] text-warn">campaigns cannot fill it: it has {unsupported}</span>
          )}
        </span>
      ),
      synced: syncedAt === null ? <span className="soft">never</span> : <Ago at={new Date(syncedAt)} />,
    },
    ...(status === 'REJECTED' || status === 'DISABLED'
      ? { tone: 'bad' as const }
      : status === 'PAUSED' || quality === 'RED'
        ? { tone: 'warn' as const }
        : {}),
  };
}

/** The text with its gaps set apart. */
function Gaps({ text }: { text: string }) {
  return text.split(/(\{\{\s*\w+\s*\}\})/g).map((piece, place) =>
    place % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of one text never move
      <code key={place} className="rounded bg-hover px-1">
        {piece}
      </code>
    ) : (
      piece
    ),
  );
}
