-- Flows: jobs that wait for jobs. One row a child, for as long as its parent is kept; jobs outside of flows never come here.
create table jobqueue.flows (
  child_id  bigint primary key,
  parent_id bigint not null,
  done      boolean not null default false             -- the parent waits for it no longer
);
create index flows_parent on jobqueue.flows (parent_id, child_id);

-- When a job is due that waits for its children: behind every instant that anybody can ask for. A job that waits is then like one
-- that is scheduled, so that claims need no condition of their own for it.
create function jobqueue.waits_for_children() returns timestamptz
language sql immutable parallel safe
as $$ select timestamptz '9999-01-01 00:00:00+00' $$;
