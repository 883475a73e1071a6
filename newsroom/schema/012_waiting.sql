-- How many deliveries of a channel wait to be read: they belong to no conversation yet, so that the wall hides them.
-- Two counts, for each of the two has an index of its own.

create function deliveries_waiting(wanted int) returns int language sql stable security definer set search_path = public
  as $$ select ((select count(*) from delivery where channel_id = wanted and state = 'new')
    + (select count(*) from delivery where channel_id = wanted and state = 'slow'))::int $$;
