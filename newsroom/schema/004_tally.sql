-- Counts that stay few. By all facets there is a count for nearly every open conversation: with people and labels in
-- it, 31,000 for 50,000. By these there are some thousands at most; what is asked by person or label is counted itself,
-- through an index.

drop table tally;
create table tally (                           -- open conversations, exact at each event
  visibility text not null,
  state text not null,
  lateness smallint not null,
  channel_id int not null,
  team_id int not null,                        -- 0: no team
  priority smallint not null,
  assigned boolean not null,
  n int not null,
  primary key (visibility, state, lateness, channel_id, team_id, priority, assigned)
);
insert into tally (visibility, state, lateness, channel_id, team_id, priority, assigned, n)
  select visibility, state, lateness, channel_id, coalesce(team_id, 0), priority, assignee_id is not null, count(*)
  from conversation where state in ('new', 'open', 'department', 'waiting')
  group by visibility, state, lateness, channel_id, coalesce(team_id, 0), priority, assignee_id is not null;
do $$ begin
  if exists (select from pg_roles where rolname = 'newsroom') and current_user <> 'newsroom' then
    revoke insert, update, delete, truncate on tally from newsroom;
  end if;
end $$;

create index on conversation using gin (labels)
  where state in ('new', 'open', 'department', 'waiting') and labels <> '{}';

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
  written as (
    insert into event (id, at, kind, conversation_id, message_id, actor_id, before, after, key, data)
      select nextval('event_id'), at, kind, conversation_id, message_id, actor_id, before, after, key, data
      from (select * from draft order by place) as ordered),
  step as (
    select before as f, -1 as n from draft where before is distinct from after
    union all select after, 1 from draft where before is distinct from after),
  change as (
    select f ->> 'class' as visibility, f ->> 'state' as state, (f ->> 'lateness')::smallint as lateness,
      (f ->> 'channel')::int as channel_id, coalesce((f ->> 'team')::int, 0) as team_id,
      (f ->> 'priority')::smallint as priority, f ->> 'assignee' is not null as assigned, sum(n)::int as n
    from step where f ->> 'state' in ('new', 'open', 'department', 'waiting')
    group by 1, 2, 3, 4, 5, 6, 7 having sum(n) <> 0)
  merge into tally t using change c
    on t.visibility = c.visibility and t.state = c.state and t.lateness = c.lateness and t.channel_id = c.channel_id
      and t.team_id = c.team_id and t.priority = c.priority and t.assigned = c.assigned
    when matched and t.n + c.n = 0 then delete
    when matched then update set n = t.n + c.n
    when not matched then insert (visibility, state, lateness, channel_id, team_id, priority, assigned, n)
      values (c.visibility, c.state, c.lateness, c.channel_id, c.team_id, c.priority, c.assigned, c.n);
  return null;
end $$;
