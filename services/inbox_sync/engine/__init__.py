"""The reading itself: which mailboxes this replica holds, and how each is read. Knows ports, no adapter."""
