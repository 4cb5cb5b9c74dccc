-- The environment that this database belongs to: drains of another one leave its jobs alone. Without a row it belongs to none, and
-- everybody drains it.
create table jobqueue.environment (
  name   jobqueue.name not null,
  since  timestamptz   not null default now(),
  is_one boolean       not null default true,
  constraint there_is_one_environment primary key (is_one),
  constraint environment_is_one       check (is_one)
);
