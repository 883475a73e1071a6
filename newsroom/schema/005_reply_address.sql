-- The address for which a message to itself proved that replies to `name+nr.TOKEN@` arrive; empty: not proved.
alter table channel add column reply_address_proved text not null default '';
