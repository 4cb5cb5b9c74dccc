/** The places to go, and which of them this is. */
'use client';

import {
  Building2,
  CalendarClock,
  FileUp,
  Gauge,
  LayoutTemplate,
  ListChecks,
  type LucideIcon,
  MailWarning,
  MailX,
  Megaphone,
  MessageSquareText,
  ScrollText,
  Siren,
  Timer,
} from 'lucide-react';
import Link from 'next/link';
import { usePathname } from 'next/navigation';

const PLACES: readonly (readonly [path: string, name: string, icon: LucideIcon])[] = [
  ['/', 'Overview', Gauge],
  ['/jobs', 'Jobs', ListChecks],
  ['/dead-letters', 'Dead letters', MailWarning],
  ['/schedules', 'Schedules', CalendarClock],
  ['/ticks', 'Ticks', Timer],
  ['/incident', 'Incident', Siren],
  ['/imports', 'Imports', FileUp],
  ['/campaigns', 'Campaigns', Megaphone],
  ['/templates', 'Templates', LayoutTemplate],
  ['/opt-outs', 'Opt-outs', MailX],
  ['/companies', 'Companies', Building2],
  ['/drafts', 'Drafts', MessageSquareText],
  ['/audit', 'Audit', ScrollText],
];

export function Nav() {
  const pathname = usePathname();
  return (
    <nav aria-label="Pages" className="-mx-3 overflow-x-auto px-3 md:mx-0 md:px-0">
      <ul className="flex gap-1 md:grid md:gap-0.5">
        {PLACES.map(([path, name, Icon]) => {
          const isHere = path === '/' ? pathname === '/' : pathname.startsWith(path);
          return (
            <li key={path}>
              <Link
                href={path}
                prefetch={false}
                aria-current={isHere ? 'page' : undefined}
                className={`flex items-center gap-2 whitespace-nowrap rounded-md px-2 py-1.5 font-medium ${isHere ? 'bg-hover text-accent' : 'text-soft hover:bg-hover hover:text-ink'}`}
              >
                <Icon size={16} aria-hidden />
                {name}
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
