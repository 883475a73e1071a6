-- Events are published a transaction at a time, not a row at a time: a batch raises a count once, where it made the
-- same row anew for each of its events.
-- The first draft of a transaction publishes all; the others find nothing left to do. Nobody else's drafts are ever
-- visible: those of a running transaction are not, and those of a committed one are gone.
-- Through the index, whatever the plan's cost when it was made: the table is empty but for rows that vacuum has not
-- removed yet, and those may be many.

create or replace function publish_event() returns trigger language plpgsql security definer
  set search_path = public set enable_seqscan = off as $$
begin
  perform from event_draft where place = new.place;
  if not found then
    return null;
  end if;
  perform pg_advisory_xact_lock(7263001);
  with draft as (
    delete from event_draft where place >= new.place
    returning place, at, kind, conversation_id, message_id, actor_id, before, after, key, data),
  change as (
    select facets, sum(step) as step from (
      select before as facets, -1 as step from draft where before is distinct from after
      union all select after, 1 from draft where before is distinct from after) as each
    where facets ->> 'state' in ('new', 'open', 'department', 'waiting') group by facets having sum(step) <> 0),
  counted as (
    insert into tally (facets, n) select facets, step from change
    on conflict (facets) do update set n = tally.n + excluded.n)
  insert into event (id, at, kind, conversation_id, message_id, actor_id, before, after, key, data)
    select nextval('event_id'), at, kind, conversation_id, message_id, actor_id, before, after, key, data
    from (select * from draft order by place) as ordered;
  return null;
end $$;
