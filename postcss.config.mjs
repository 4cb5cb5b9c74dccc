/** Makes the pages' stylesheet for Next.js: Tailwind builds it, then its rules are limited to the console. */
export default { plugins: { '@tailwindcss/postcss': {}, '@conversure/jobqueue-console/postcss': {} } };
