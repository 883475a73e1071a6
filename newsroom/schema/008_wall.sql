-- The second wall. Every query on conversations says which visibility classes it is for; should one forget, these
-- policies hold what a person may not see back all the same. `newsroom.classes` is set for one transaction
-- (database.py); without it, the house itself is at work: intake, outbox, feed, Beheer.
-- Only reading is walled: who may write has found the conversation behind the wall first.

create function at_work() returns boolean language sql stable as
  $$ select coalesce(current_setting('newsroom.classes', true), '') = '' $$;
create function classes_seen() returns text[] language sql stable as
  $$ select string_to_array(current_setting('newsroom.classes', true), ' ') $$;

-- In the policies each function stands in a subquery of its own: so it is asked once for a statement, not once for a
-- row. The subquery on the conversation is a scalar one: `exists` could become a hash of the whole table.
alter table conversation enable row level security;
create policy seen on conversation for select
  using ((select at_work()) or visibility = any ((select classes_seen())::text[]));
alter table tally enable row level security;
create policy seen on tally for select
  using ((select at_work()) or visibility = any ((select classes_seen())::text[]));
alter table arrival_count enable row level security;
create policy seen on arrival_count for select
  using ((select at_work()) or visibility = any ((select classes_seen())::text[]));
alter table message enable row level security;
create policy seen on message for select
  using ((select at_work()) or (select c.id from conversation c where c.id = conversation_id) is not null);
alter table participant enable row level security;
create policy seen on participant for select
  using ((select at_work()) or (select c.id from conversation c where c.id = conversation_id) is not null);
alter table attachment enable row level security;
create policy seen on attachment for select
  using ((select at_work()) or (select m.id from message m where m.id = message_id) is not null);
alter table delivery enable row level security;
create policy seen on delivery for select
  using ((select at_work()) or (select min(m.id) from message m where m.delivery_id = delivery.id) is not null);
alter table message_text enable row level security;
create policy seen on message_text for select using ((select at_work()));
do $$ declare walled text; begin
  foreach walled in array array['conversation', 'message', 'participant', 'attachment', 'delivery', 'message_text'] loop
    execute format('create policy add on %I for insert with check (true)', walled);
    execute format('create policy alter on %I for update using (true)', walled);
    execute format('create policy remove on %I for delete using (true)', walled);
  end loop;
end $$;

-- An index by words or labels cannot serve behind the wall: its operators could tell what they compared. These two
-- look in the index as the owner, and give ids only; what of them somebody sees, the tables decide. In plpgsql, for
-- that plans with the very words; a function in SQL is planned for any before version 18, and walks a million rows.
create function messages_with(sought text, most int) returns setof bigint language plpgsql stable security definer
  rows 200 set search_path = public set plan_cache_mode = force_custom_plan as $$
begin
  return query select t.message_id from message_text t where t.words @@ websearch_to_tsquery('newsroom', sought)
    order by t.message_id desc limit most;
end $$;
create function labelled(sought int[]) returns setof bigint language plpgsql stable security definer
  rows 200 set search_path = public set plan_cache_mode = force_custom_plan as $$
begin
  return query select c.id from conversation c where c.labels && sought and c.labels <> '{}'
    and c.state in ('new', 'open', 'department', 'waiting');
end $$;
