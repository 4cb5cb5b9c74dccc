/** The folder in which tests start the program: the configuration of the app beside the package, and no `.env` files. */
export { default } from '../../../../../jobqueue.config.ts';
