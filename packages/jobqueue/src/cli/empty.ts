/** Stands in for modules that only Next.js' server bundle may contain. */
export {};
