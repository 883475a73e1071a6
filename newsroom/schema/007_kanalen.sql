-- The channels at a glance: how many messages come in by the hour, whether we hold all that a source holds, whether a
-- channel is open to the public, and since when something is wrong with it.

create table arrival_count (                   -- messages in, exact at each event
  channel_id int not null,
  hour timestamptz not null,                   -- its beginning; of the moment the message was written
  visibility text not null,                    -- of the conversation when the message came in
  n int not null,
  primary key (channel_id, hour, visibility)
);
insert into arrival_count (channel_id, hour, visibility, n)
  select m.channel_id, date_trunc('hour', m.at, 'UTC'), c.visibility, count(*)
  from message m join conversation c on c.id = m.conversation_id where m.direction = 'in' group by 1, 2, 3;

create table reconciliation (                  -- the last comparison with a source
  channel_id int not null references channel,
  whole boolean not null,                      -- everything, or the last seven days
  started_at timestamptz not null,             -- whoever sets it does the work
  at timestamptz,                              -- when it was done
  source_n int not null default 0,             -- keys in the source
  missing int not null default 0,              -- of those, what we lack after it was fetched again
  fetched int not null default 0,              -- what was fetched again
  problem text not null default '',            -- why the source could not be counted
  primary key (channel_id, whole)
);

create table opening (                         -- when a channel is open to the public otherwise than by its hours
  id int generated always as identity primary key,
  channel_id int not null references channel,
  state text not null check (state in ('open', 'closed', 'redirect', 'calamity')),
  begins_at timestamptz not null,
  ends_at timestamptz check (ends_at > begins_at),   -- null: until somebody changes it
  text_nl text not null default '',            -- what the public reads; empty: the usual words
  text_en text not null default '',
  target text not null default '',             -- where to, for a redirect: an address of the web, mail or telephone
  account_id int references account,
  made_at timestamptz not null,
  told smallint not null default 0             -- 1: that it began was told, 2: that it ended too
);
create index on opening (channel_id, begins_at desc);
create index on opening (begins_at) where told = 0;
create index on opening (ends_at) where told = 1;

alter table channel add column key_refused boolean not null default false;  -- its credentials are no longer accepted
alter table channel add column key_ends_at timestamptz;                     -- as far as anybody told
alter table channel add column slow_since timestamptz;                      -- replies wait longer than they should
alter table channel add column retried_at timestamptz;                      -- by a person: try again at once

create view channel_trouble as                 -- channels in use that somebody should look at: one truth for all screens
  select c.id from channel c where c.archived_at is null and c.mode <> 'paused'
    and (c.health in ('faltering', 'down') or c.slow_since is not null
      or exists (select from reconciliation r where r.channel_id = c.id and r.missing > 0));

create index on message (channel_id, id);
create index event_of_channel on event (((data ->> 'channel')::int), id desc) where kind = 'channel_changed';

do $$ begin
  if exists (select from pg_roles where rolname = 'newsroom') and current_user <> 'newsroom' then
    revoke insert, update, delete, truncate on arrival_count from newsroom;
  end if;
end $$;

-- As before, and counts the messages that came in.
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
  came as (
    insert into arrival_count as a (channel_id, hour, visibility, n)
      select m.channel_id, date_trunc('hour', m.at, 'UTC'), d.after ->> 'class', count(*)
      from draft d join message m on m.id = d.message_id
      where d.kind in ('received', 'unreadable') and m.direction = 'in' group by 1, 2, 3
      on conflict (channel_id, hour, visibility) do update set n = a.n + excluded.n),
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
