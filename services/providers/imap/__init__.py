"""IMAP4rev1 (RFC 3501): aioimaplib's protocol machine under deadlines and bounds, with a framing of our own."""
