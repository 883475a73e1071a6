-- The message of which a delivery brought another copy, from another mailbox: a removal takes away both.
alter table delivery add column copy_of bigint;  -- a message; no key, for that one points back here
create index on delivery (copy_of) where copy_of is not null;
