-- What a writer did with a message afterwards, on channels where that can be done; and replies of which it is not known
-- whether they went out.

alter table message
  add column edited_at timestamptz,                  -- the last change by its writer
  add column earlier jsonb not null default '[]',    -- [[moment, text], ...]: what it said before
  add column unsure_since timestamptz;               -- the first try of a reply that may have succeeded

alter table attachment add column description text not null default '';  -- what is in a picture, for who cannot see it

create table withdrawn (                             -- deleted by their writers before they arrived here
  channel_id int not null references channel,
  external_id text not null,
  at timestamptz not null,
  primary key (channel_id, external_id)
);

-- what came back before its sender told us: few rows at any moment
create index message_on_its_way on message (channel_id)
  where client_id is not null and send_state in ('queued', 'sending', 'unknown');
