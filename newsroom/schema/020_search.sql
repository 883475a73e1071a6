-- Which way to the newest messages with some words: back through the newest until there are enough, or all of them from
-- the index of words. The planner guesses how often a word stands there, and for one that it has no figure of it guesses
-- one in 200: it then walks a million rows for a word that stands in ten. So the newest are looked at first, and how
-- many of those have it decides. See 008_wall.sql for why this is a function.
create or replace function messages_with(sought text, most int) returns setof bigint language plpgsql stable
  security definer rows 200 set search_path = public set plan_cache_mode = force_custom_plan as $$
declare
  wanted constant tsquery := websearch_to_tsquery('newsroom', sought);
  looked constant int := 2000;  -- newest messages: a millisecond
  cheaper constant numeric := 2.5;  -- rows walked in the time of one found by the index
  found bigint[];
  n numeric;
begin
  found := array(select t.message_id from (select m.message_id, m.words from message_text m
    order by m.message_id desc limit looked) t where t.words @@ wanted limit most);
  n := cardinality(found);
  if n >= most then
    return query select unnest(found);
  elsif n * n * cheaper * coalesce((select max(message_id) from message_text), 0) > most::numeric * looked * looked then
    return query select t.message_id from message_text t where t.words @@ wanted order by t.message_id desc limit most;
  else
    return query with every as materialized (select t.message_id from message_text t where t.words @@ wanted)
      select e.message_id from every e order by e.message_id desc limit most;
  end if;
end $$;
