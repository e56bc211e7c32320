"""The SMTP half of the SMTP/IMAP client: a submission whose every phase is known (RFC 5321, 6409)."""
