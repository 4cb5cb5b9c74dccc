-- A person's first and last name, where a file or a portal has them apart. `name` stays what people read. The parts count only while
-- `name` holds both, so a release before this one may change `name` alone.
alter table leads
  add column given_name  text,                                   -- null: not known apart
  add column family_name text;
