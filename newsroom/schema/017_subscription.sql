-- Outgoing webhooks: other programs are told what happens, in order, as one account sees it.

create table subscription (
  id int generated always as identity primary key,
  name text not null,
  url text not null,
  secret bytea not null,                       -- encrypted; see secret.py
  account_id int not null references account,  -- whose sight it has
  epoch text not null,
  position bigint not null,                    -- the last event that was told
  until bigint,                                -- the end of the batch under way: the same again on every try
  next_at timestamptz not null,                -- tried from then on; while one is sent, the end of its lease
  tries int not null default 0,                -- of the batch under way
  failing_since timestamptz,
  paused_at timestamptz,
  problem text not null default '',            -- why it is paused, or what went wrong last
  created_at timestamptz not null
);
create index on subscription (next_at) where paused_at is null;
create table subscription_try (                -- what was sent: never an address of a person, never a text
  id bigint generated always as identity primary key,
  subscription_id int not null references subscription on delete cascade,
  at timestamptz not null,
  webhook_id text not null,
  events int not null,
  status int,                                  -- null: no answer
  problem text not null default ''
);
create index on subscription_try (subscription_id, id desc);
