/** How Next.js makes the pages' stylesheet: by Tailwind, then kept inside of the console. */
export default { plugins: { '@tailwindcss/postcss': {}, '@conversure/jobqueue-console/postcss': {} } };
