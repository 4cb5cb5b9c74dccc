/** The queue's console as this app mounts it: its own screens in the navigation, what it adds to the console's, and its words. */
import { defineConsole } from '@conversure/jobqueue-console';
import { maxDurationMs } from '@/lib/config';
import { log } from '@/lib/log';
import { queue } from '@/lib/queue';
import { PausedConnections } from './connections/paused';
import { Building2, FileUp, LayoutTemplate, MailX, Megaphone, MessageSquareText } from './icons';
import { messages } from './messages';
import { Try } from './try';

export const queueConsole = defineConsole({
  queue,
  title: 'JobQueue',
  screens: [
    { path: '/imports', title: 'Imports', icon: <FileUp size={16} /> },
    { path: '/campaigns', title: 'Campaigns', icon: <Megaphone size={16} /> },
    { path: '/templates', title: 'Templates', icon: <LayoutTemplate size={16} /> },
    { path: '/opt-outs', title: 'Opt-outs', icon: <MailX size={16} /> },
    { path: '/companies', title: 'Companies', icon: <Building2 size={16} /> },
    { path: '/drafts', title: 'Drafts', icon: <MessageSquareText size={16} /> },
  ],
  overview: Try,
  incident: PausedConnections,
  messages,
  maxDurationMs: maxDurationMs(),
  log: (level, event, fields) => log[level](fields, event),
});
