-- dead_bound_1: how far each of so many groups of dead letters is counted, wherever they are counted: a count that has come to it means
-- «so many or more». 10,000, or fewer beyond twenty groups: nobody reads more than 200,000 entries of an index.
create or replace function jobqueue.dead_bound_1(groups bigint)
returns int
language sql immutable parallel safe
as $$ select least(10000, 200000 / greatest(groups, 1))::int $$;
