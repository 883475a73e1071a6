-- A visit: one resident's chat, known by its address (kind 'chat') in messages, participants and contacts. What opens
-- it is a token of 256 bits that only its visitor has.
create table chat (
  id bigint generated always as identity primary key,
  channel_id int not null references channel,
  address text not null unique,
  token_hash bytea not null unique check (length(token_hash) = 32),
  name text not null default '',               -- as the visitor typed it
  email text not null default '',
  language text not null default '',
  page text not null default '',               -- of the site, where the chat was opened
  identity jsonb,                              -- {subject, name, email} that the municipality signed
  begun_at timestamptz not null,
  seen_at timestamptz not null,                -- when the panel was last there, within half a minute
  away_at timestamptz,                         -- gone for longer than the channel waits, or ended
  ended_at timestamptz                         -- the visitor closed the chat
);
create index on chat (seen_at) where away_at is null;
create index on participant (address) where kind = 'chat';

-- Behind the second wall as far as a conversation is: a visit is seen by who sees what it takes part in.
alter table chat enable row level security;
create policy seen on chat for select using ((select at_work())
  or (select min(p.conversation_id) from participant p where p.kind = 'chat' and p.address = chat.address) is not null);
create policy add on chat for insert with check (true);
create policy alter on chat for update using (true);
create policy remove on chat for delete using (true);
