/** The second wall of this app's own pages and actions: proxy.ts may be misconfigured, the data is asked for here. */
import { queueConsole } from './console';

/** Guards pages: any signed-in user may look; a stranger is sent to the login. */
export const requireSession = () => queueConsole.requireSession();
