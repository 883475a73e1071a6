-- The road of a message, from delivery to reply. Forward only; times are UTC and given by the caller.
-- States and kinds are text: a new one needs no table rewrite.

create table epoch (value text not null, at timestamptz not null);  -- changes when a backup is restored
insert into epoch values (substr(md5(random()::text), 1, 8), clock_timestamp());

create table setting (name text primary key, value jsonb not null);  -- what an administrator set, by name

-- people who work here -----------------------------------------------------------------------------------------

create table hours (
  id int generated always as identity primary key,
  name text not null,
  blocks jsonb not null,                   -- [[weekday, start minute, end minute], ...]
  always boolean not null default false    -- open day and night
);
create table closing_day (
  day date not null,
  hours_id int references hours on delete cascade,   -- null: every calendar
  name text not null,
  blocks jsonb not null default '[]'                 -- open all the same: [[start, end], ...]
);
create unique index on closing_day (day, coalesce(hours_id, 0));

create table team (
  id int generated always as identity primary key,
  name text not null unique,
  restricted boolean not null default false,   -- only members see its conversations (jeugd, zorg)
  hours_id int references hours,
  archived_at timestamptz
);

create table account (
  id int generated always as identity primary key,
  email text not null,
  name text not null,
  initials text not null,
  password_hash text not null default '',      -- empty: cannot sign in with a password
  roles text[] not null default '{}',
  language text not null default 'nl',
  theme text not null default 'auto',
  density text not null default 'roomy',
  single_keys boolean not null default true,   -- single-letter shortcuts
  created_at timestamptz not null,
  disabled_at timestamptz
);
create unique index on account (lower(email));
create table account_team (
  account_id int not null references account on delete cascade,
  team_id int not null references team on delete cascade,
  primary key (account_id, team_id)
);
create table session (
  token_hash bytea primary key check (length(token_hash) = 32),
  account_id int not null references account on delete cascade,
  created_at timestamptz not null,
  seen_at timestamptz not null,
  address text not null default '',
  agent text not null default ''
);
create index on session (account_id);
create table one_time_token (                 -- start link, invitation, reset
  token_hash bytea primary key check (length(token_hash) = 32),
  purpose text not null,
  account_id int references account on delete cascade,
  data jsonb not null default '{}',
  expires_at timestamptz not null,
  used_at timestamptz
);
create table api_token (
  id int generated always as identity primary key,
  token_hash bytea not null unique check (length(token_hash) = 32),
  name text not null,
  channel_id int,                              -- deliveries into this channel only
  scopes text[] not null default '{}',
  created_at timestamptz not null,
  revoked_at timestamptz
);
create table attempt (                         -- rate limits: one row per key and window
  key text not null,
  window_start timestamptz not null,
  n int not null,
  primary key (key, window_start)
);

-- channels ------------------------------------------------------------------------------------------------------

create table channel (
  id int generated always as identity primary key,
  kind text not null,                          -- a connector's name
  name text not null unique,                   -- as on the board: "E-mail info@"
  address text not null default '',            -- its own address, lower case
  mode text not null default 'live' check (mode in ('reading', 'live', 'paused')),  -- reading: sends nothing
  team_id int references team,
  hours_id int references hours,
  settings jsonb not null default '{}',
  secrets bytea,                               -- encrypted; see secret.py
  cursor jsonb not null default '{}',
  house_style jsonb not null default '{}',     -- {signature_text, signature_html}
  health text not null default 'new' check (health in ('new', 'ok', 'faltering', 'down')),
  health_cause text not null default '',
  health_since timestamptz,
  checked jsonb not null default '[]',         -- the steps of the last check()
  last_in_at timestamptz,
  last_out_at timestamptz,
  archived_at timestamptz
);
create table target (                          -- first answer due; see hours.py
  channel_id int not null references channel on delete cascade,
  priority smallint not null,
  amount double precision not null check (amount > 0),   -- a quarter of two working days is half a day
  unit text not null check (unit in ('minutes', 'working_days')),
  primary key (channel_id, priority)
);
create table form (
  id int generated always as identity primary key,
  channel_id int not null references channel,
  slug text not null unique,
  title text not null,
  definition jsonb not null,                   -- fields, help, routing; see connectors/web_form.py
  version int not null default 1,
  published boolean not null default true
);

create table label (
  id int generated always as identity primary key,
  name text not null unique,
  topic boolean not null default false,        -- an onderwerp: drawn in purple
  archived_at timestamptz
);
create table close_reason (
  id int generated always as identity primary key,
  name_nl text not null unique,
  name_en text not null,
  outcome text not null check (outcome in ('answered', 'referred', 'no_reply', 'wrong_address')),
  archived_at timestamptz
);

-- in --------------------------------------------------------------------------------------------------------------

create table delivery (
  id bigint generated always as identity primary key,
  channel_id int not null references channel,
  key text not null,
  sha256 bytea not null,
  content_type text not null,
  meta jsonb not null default '{}',
  body bytea not null,
  received_at timestamptz not null,
  reference text not null unique,              -- shown on the receipt; the conversation adopts it
  state text not null default 'new' check (state in ('new', 'slow', 'done')),
  problem text not null default ''             -- why parse gave up; the card says so
);
alter table delivery alter column body set storage external;  -- substring() reads a piece, not the whole
create unique index on delivery (channel_id, key);
create index on delivery (id) where state = 'new';
create index on delivery (id) where state = 'slow';

create table contact (
  id bigint generated always as identity primary key,
  name text not null default '',
  created_at timestamptz not null
);
create table contact_identity (
  kind text not null,
  address text not null,                       -- normalised by the connector
  contact_id bigint not null references contact on delete cascade,
  name text not null default '',
  blocked_at timestamptz,                      -- its messages go to the spam folder
  primary key (kind, address)
);
create index on contact_identity (contact_id);

create table conversation (
  id bigint generated always as identity primary key,
  reference text not null unique,
  channel_id int not null references channel,
  subject text not null default '',
  state text not null default 'new'
    check (state in ('new', 'open', 'department', 'waiting', 'closed', 'spam', 'merged', 'removed')),
  team_id int references team,
  assignee_id int references account,
  priority smallint not null default 1 check (priority between 0 and 3),  -- laag normaal hoog spoed
  labels int[] not null default '{}',
  sealed boolean not null default false,
  visibility text not null default 'open',     -- open, team:<id>, sealed:<id>; see conversation.py
  public boolean not null default false,
  contact_id bigint references contact,
  author text not null default '',
  excerpt text not null default '',            -- at most 160 characters
  unread int not null default 0,               -- messages in since the last answer or claim
  created_at timestamptz not null,
  waiting_since timestamptz,                   -- oldest unanswered message in
  last_message_id bigint,
  last_at timestamptz not null,
  answered_at timestamptz,                     -- first answer
  soon_at timestamptz,                         -- "bijna te laat" starts
  due_at timestamptz,
  lateness smallint not null default 0 check (lateness between 0 and 2),  -- on time, almost, late
  department text not null default '',         -- whom a department's answer is awaited from
  department_by date,
  closed_at timestamptz,
  close_reason_id int references close_reason,
  close_note text not null default '',
  merged_into bigint references conversation,
  follows bigint references conversation,      -- vervolg op
  suggestion bigint references conversation,   -- hoort mogelijk bij
  problem text not null default '',            -- why the card needs a person: unreadable, bounced, unknown
  version int not null default 1
);
create index on conversation (state, waiting_since, id) where state in ('new', 'open', 'department', 'waiting');
create index on conversation (team_id, state, waiting_since, id)
  where state in ('new', 'open', 'department', 'waiting');
create index on conversation (channel_id, state, waiting_since, id)
  where state in ('new', 'open', 'department', 'waiting');
create index on conversation (assignee_id, state, due_at, id)
  where state in ('new', 'open', 'department', 'waiting');
create index on conversation (closed_at desc, id) where state = 'closed';
create index on conversation (last_at desc, id) where state = 'spam';
create index on conversation (contact_id, last_at desc);
create index on conversation (soon_at) where lateness = 0 and soon_at is not null;
create index on conversation (due_at) where lateness = 1 and due_at is not null;
create index on conversation (suggestion) where suggestion is not null;

create table conversation_reader (             -- who may see a sealed conversation
  conversation_id bigint not null references conversation,
  account_id int not null references account,
  primary key (conversation_id, account_id)
);
create table conversation_channel (            -- further mailboxes the same message arrived in
  conversation_id bigint not null references conversation,
  channel_id int not null references channel,
  primary key (conversation_id, channel_id)
);
create table participant (                     -- who takes part, and so may be answered
  conversation_id bigint not null references conversation,
  kind text not null,
  address text not null,
  name text not null default '',
  primary key (conversation_id, kind, address)
);
-- A message joins the conversation that holds one of its references for one of its parties. Keys are made for
-- ancestors never seen too, so the order of arrival does not matter.
create table thread_key (
  channel_id int not null,
  reference text not null,
  party text not null,
  conversation_id bigint not null references conversation,
  primary key (channel_id, reference, party)
);
create index on thread_key (conversation_id);

create table message (
  id bigint generated always as identity primary key,
  conversation_id bigint not null references conversation,
  channel_id int not null references channel,
  delivery_id bigint references delivery,
  item int not null default 0,                 -- place in its delivery
  direction text not null check (direction in ('in', 'out', 'note')),
  kind text not null default 'message',
  external_id text not null default '',
  identity text,                               -- second identity; see Incoming
  copy_of text,
  at timestamptz not null,
  author_kind text not null default '',
  author_address text not null default '',
  author_name text not null default '',
  account_id int references account,           -- who wrote it, out and note
  recipients jsonb not null default '{}',      -- {to, cc, bcc, reply_to}: [[kind, address, name], ...]
  public boolean not null default false,
  subject text not null default '',
  body text not null default '',
  quoted text not null default '',
  html text not null default '',
  details jsonb not null default '[]',
  auto_reply boolean not null default false,
  problems text[] not null default '{}',
  answers_to text[] not null default '{}',
  source_url text not null default '',
  client_id text,                              -- the composer's key: one click, one reply
  send_state text not null default ''
    check (send_state in ('', 'queued', 'sending', 'sent', 'failed', 'unknown', 'bounced', 'cancelled')),
  send_after timestamptz,
  send_tries int not null default 0,
  sender int,                                  -- the worker that is sending it
  send_note text not null default '',
  sent_at timestamptz,
  removed_at timestamptz,                      -- wrongly received: its text is gone
  removed_reason text not null default ''
);
create index on message (conversation_id, at, external_id);
create unique index on message (delivery_id, item) where delivery_id is not null;
create unique index on message (channel_id, identity) where identity is not null;
create unique index on message (client_id) where client_id is not null;
create index on message (channel_id, external_id);
create index on message (copy_of) where copy_of is not null;
create index on message (send_after) where send_state = 'queued';
create index on message (sender) where send_state = 'sending';

create table blob (sha256 bytea primary key check (length(sha256) = 32), content bytea not null);
alter table blob alter column content set storage external;
create table attachment (
  id bigint generated always as identity primary key,
  message_id bigint not null references message,
  place int not null,
  name text not null,
  type text not null,
  size bigint not null,
  sha256 bytea not null references blob,
  inline boolean not null default false,
  content_id text not null default ''
);
create index on attachment (message_id, place);
create index on attachment (sha256);

-- search: filled after the commit, so that it costs the road nothing ---------------------------------------------

create text search configuration newsroom (copy = dutch);
alter text search configuration newsroom
  alter mapping for hword, hword_part, word with unaccent, dutch_stem;
create table message_text (
  message_id bigint primary key references message,
  words tsvector not null
);
create index on message_text using gin (words);
create index on contact_identity using gin (name gin_trgm_ops);
create index on contact_identity using gin (address gin_trgm_ops);

-- the backbone ----------------------------------------------------------------------------------------------------

create sequence event_id;
create table event (
  id bigint primary key,
  at timestamptz not null,
  kind text not null,
  conversation_id bigint,
  message_id bigint,
  actor_id int,                                -- an account, null: the house itself
  before jsonb,                                -- facets, see conversation.py; null: did not exist
  after jsonb,
  key text,                                    -- the action's idempotency key
  data jsonb not null default '{}'             -- ids only, never names or text
);
create index on event (conversation_id, id);
create index on event (at);

create table tally (facets jsonb primary key, n int not null);  -- open conversations by facets; exact at each event

create unlogged table event_draft (            -- rows live only inside a transaction
  place bigint generated always as identity primary key,
  at timestamptz not null, kind text not null, conversation_id bigint, message_id bigint, actor_id int,
  before jsonb, after jsonb, key text, data jsonb not null default '{}'
);

-- Ids in commit order: the lock is taken inside COMMIT, so it is never held across a client's round trip.
-- Rolled-back ids leave holes; a later id never becomes visible before an earlier one.
create function publish_event() returns trigger language plpgsql security definer set search_path = public as $$
begin
  perform pg_advisory_xact_lock(7263001);
  insert into event (id, at, kind, conversation_id, message_id, actor_id, before, after, key, data)
    values (nextval('event_id'), new.at, new.kind, new.conversation_id, new.message_id, new.actor_id,
            new.before, new.after, new.key, new.data);
  delete from event_draft where place = new.place;
  if new.before is distinct from new.after then
    if new.before ->> 'state' in ('new', 'open', 'department', 'waiting') then
      update tally set n = n - 1 where facets = new.before;
    end if;
    if new.after ->> 'state' in ('new', 'open', 'department', 'waiting') then
      insert into tally values (new.after, 1) on conflict (facets) do update set n = tally.n + 1;
    end if;
  end if;
  return null;
end $$;
create constraint trigger publish_event after insert on event_draft
  deferrable initially deferred for each row execute function publish_event();

create table action (                          -- one result per idempotency key
  key text primary key,
  account_id int not null references account,
  at timestamptz not null,
  result jsonb not null
);

create table audit (                           -- sign-ins, views of masked data, exports, settings: no event lock
  id bigint generated always as identity primary key,
  at timestamptz not null,
  kind text not null,
  account_id int,
  conversation_id bigint,
  address text not null default '',
  data jsonb not null default '{}'
);
create index on audit (at desc);

-- The plain role may only add to the backbone, never change it.
do $$ begin
  if exists (select from pg_roles where rolname = 'newsroom') and current_user <> 'newsroom' then
    revoke insert, update, delete, truncate on event, tally, epoch from newsroom;
    revoke update, delete, truncate on audit from newsroom;
  end if;
end $$;
