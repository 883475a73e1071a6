-- Which further mailboxes a message came in by is told by its deliveries: who sees the message may see them.
drop table conversation_channel;
alter policy seen on delivery
  using ((select at_work()) or (select min(m.id) from message m where m.delivery_id = delivery.id) is not null
    or (select m.id from message m where m.id = delivery.copy_of) is not null);
