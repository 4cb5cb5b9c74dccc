/** How Next.js makes the pages' stylesheet. */
export default { plugins: { '@tailwindcss/postcss': {} } };
