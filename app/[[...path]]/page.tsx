/** The console's own screens, at the paths that no folder here has. */
import { queueConsole } from '../console';

export default queueConsole.Page;
export const generateMetadata = queueConsole.metadata;
