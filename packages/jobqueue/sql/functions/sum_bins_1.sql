-- sum_bins_1: adds histograms bin by bin: [[n, …], …] of any lengths. Part of fold_trends_1. (As jsonb, because arrays of arrays must
-- be of one length.)
create or replace function jobqueue.sum_bins_1(histograms jsonb)
returns int[]
language sql immutable
as $$
  select coalesce(array_agg(s.n order by s.bin), '{}')
  from (
    select u.bin, sum(u.n::int)::int as n
    from jsonb_array_elements(histograms) as h(bins)
    cross join lateral jsonb_array_elements_text(h.bins) with ordinality as u(n, bin)
    group by u.bin
  ) s
$$;
