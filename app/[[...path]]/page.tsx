/** The console's own screens, at the paths that no folder here has. */
import { queueConsole } from '../console';

/** Drains that begin on the incident screen run behind the answer, in this page's function. */
export const maxDuration = 300;

export default queueConsole.Page;
export const generateMetadata = queueConsole.metadata;
