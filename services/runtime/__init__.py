"""What the four services stand on: the bus, the database, acknowledgement, health and logs. A library, not a service.

Nothing here knows what a mail is.
"""
