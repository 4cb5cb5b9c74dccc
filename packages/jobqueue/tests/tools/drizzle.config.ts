/** The host app's configuration: drizzle-kit's defaults, unless the test names schemas. */
const schemaFilter = process.env.SCHEMA_FILTER?.split(',');

export default {
  dialect: 'postgresql',
  schema: './host-schema.ts',
  dbCredentials: { url: process.env.HOST_DATABASE_URL ?? '' },
  ...(schemaFilter && { schemaFilter }),
};
