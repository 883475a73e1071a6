-- A house with a past, made by the database itself: so many conversations of one message, with all that hangs on them.
-- One in 20 is open. Facets are drawn independently of each other. "gemeente" stands in three of ten messages, a word
-- like w1234 in some hundred of a million; names are of 50,000 people.

-- part: house
create function draw(n int, salt bigint, most int) returns int language sql immutable parallel safe
  return abs(hashint4extended(n, salt) % most)::int;  -- a number below `most` that follows from n alone
create function noon() returns timestamptz language sql immutable return timestamptz '2026-11-23 12:00+00';
insert into team (name) select 'Team ' || n from generate_series(1, 12) n;
insert into account (email, name, initials, roles, created_at)
  select 'a' || n || '@voorbeeldstad.example', 'Collega ' || n, 'C' || n, '{webcare,chef_dag}', noon()
  from generate_series(1, 40) n;
insert into channel (kind, name, address, team_id)
  select case when n = 1 then 'email' else 'web_form' end, 'Kanaal ' || n, 'k' || n || '@voorbeeldstad.example', n
  from generate_series(1, 6) n;
insert into label (name, topic) select 'label ' || n, n % 2 = 0 from generate_series(1, 20) n;
insert into contact (name, created_at) select
  (array['Jan','Fatima','Sanne','Kees','Noor','Emre','Lotte','Piet','Amina','Daan'])[1 + n % 10] || ' '
  || (array['Bakker','Jansen','Yilmaz','Vries','Smit','Mulder','Bos','Dekker','Peters','Haan'])[1 + n / 10 % 10]
  || substr(md5(n::text), 1, 5), noon() from generate_series(1, 50000) n;
insert into contact_identity (kind, address, contact_id, name)
  select 'email', 'inwoner' || id || '@post.example', id, name from contact;
create unlogged table text_pool (place int primary key, body text, words tsvector);
insert into text_pool (place, body) select t, (select string_agg(case when t % 10 < 3 and w = 5 then 'gemeente'
    else (array['container','afval','straat','vergunning','bezwaar','parkeren','boom','lantaarn','melding','wanneer',
    'antwoord','bericht','huis','nummer','afspraak','paspoort','rijbewijs','adres','stoep','fiets','buurt','overlast',
    'geluid','speeltuin','water','riool','datum','vraag','brief','formulier'])[1 + (t * 7919 + w * w * 31) % 30] end,
    ' ')
  from generate_series(1, 60) w) from generate_series(0, 999) t;
update text_pool set words = to_tsvector('newsroom', body);

-- part: conversation
-- in this and the next: $1 and $2 are the first and last number, $3 how many there are in all
insert into conversation (id, reference, channel_id, subject, state, team_id, assignee_id, priority, labels, contact_id,
  author, excerpt, unread, created_at, waiting_since, last_message_id, last_at, lateness, due_at, soon_at, closed_at,
  version) overriding system value
select n, 'Q' || lpad(n::text, 9, '0'), 1 + draw(n, 1, 6), 'Melding ' || n, state,
  nullif(draw(n, 2, 13), 0), case when state in ('new', 'closed') then null else 1 + draw(n, 3, 40) end,
  case when draw(n, 4, 10) > 0 then 1 else 2 + draw(n, 5, 2) end,
  case when draw(n, 6, 3) = 0 then array[1 + draw(n, 7, 20)] else '{}' end, 1 + n % 50000,
  'Inwoner ' || n % 50000, left(p.body, 160), 1, at, case when state in ('closed', 'waiting') then null else at end,
  n, at, case when state <> 'closed' then draw(n, 8, 3) else 0 end,
  case when state <> 'closed' then at + interval '2 days' end,
  case when state <> 'closed' then at + interval '1 day' end,
  case when state = 'closed' then at end, 1
from (select n, noon() - ($3 - n) * interval '20 seconds' as at,
    case when n % 20 <> 0 then 'closed'
    else (array['new','new','open','open','department','waiting'])[1 + draw(n, 9, 6)] end as state
  from generate_series($1::int, $2::int) n) c join text_pool p on p.place = c.n * 13 % 1000;

-- part: delivery
insert into delivery (id, channel_id, key, sha256, content_type, body, received_at, reference, state)
  overriding system value select n, 1 + n % 6, 'old/' || n, sha256(n::text::bytea), 'message/rfc822', '\x00',
  noon(), 'Q' || lpad(n::text, 9, '0'), 'done' from generate_series($1::int, $2::int) n where $3 > 0;

-- part: message
insert into message (id, conversation_id, channel_id, delivery_id, direction, external_id, identity, copy_of, at,
  author_kind, author_address, author_name, subject, body) overriding system value
select c.n, c.n, 1 + c.n % 6, c.n, 'in', 'old' || c.n || '@post.example', 'old' || c.n, 'old' || c.n,
  noon() - ($3 - c.n) * interval '20 seconds', 'email', 'inwoner' || 1 + c.n % 50000 || '@post.example',
  'Inwoner ' || c.n % 50000, 'Melding ' || c.n, p.body || ' w' || c.n * 7919::bigint % 9973
from generate_series($1::int, $2::int) c(n) join text_pool p on p.place = c.n * 13 % 1000;

-- part: message_text
insert into message_text (message_id, words)
select c.n, p.words || array_to_tsvector(array['w' || c.n * 7919::bigint % 9973])
from generate_series($1::int, $2::int) c(n) join text_pool p on p.place = c.n * 13 % 1000 where $3 > 0;

-- part: thread_key
insert into thread_key (channel_id, reference, party, conversation_id)
select 1 + n % 6, 'old' || n || '@post.example', 'email:inwoner' || 1 + n % 50000 || '@post.example', n
from generate_series($1::int, $2::int) n where $3 > 0;

-- part: participant
insert into participant (conversation_id, kind, address)
select n, 'email', 'inwoner' || 1 + n % 50000 || '@post.example' from generate_series($1::int, $2::int) n
where $3 > 0;

-- part: event
insert into event (id, at, kind, conversation_id, message_id)
select n, noon() - ($3 - n) * interval '20 seconds', 'received', n, n
from generate_series($1::int, $2::int) n;

-- part: rest
-- what intake keeps by itself: counts and the next numbers
insert into tally (visibility, state, lateness, channel_id, team_id, priority, assigned, n)
  select visibility, state, lateness, channel_id, coalesce(team_id, 0), priority, assignee_id is not null, count(*)
  from conversation where state in ('new', 'open', 'department', 'waiting') group by 1, 2, 3, 4, 5, 6, 7;
drop table text_pool;
drop function draw, noon;
select setval('conversation_id_seq', (select coalesce(max(id), 1) from conversation)),
  setval('message_id_seq', (select coalesce(max(id), 1) from message)),
  setval('delivery_id_seq', (select coalesce(max(id), 1) from delivery)),
  setval('event_id', (select coalesce(max(id), 1) from event));
