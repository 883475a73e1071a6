-- The log shows the health of channels beside the audit lines: a walk from the newest, past all other events.
create index event_channel_changed on event (at desc, id desc) where kind = 'channel_changed';
