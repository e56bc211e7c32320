"""A mail server of one process for demos and tests: IMAP by pymap, SMTP by aiosmtpd, mail kept in a folder.

It is no real mail server: it delivers to its own users alone and sends nothing to anybody else.
"""
