"""Replywire's language: every event and every request/reply message, as pydantic models and nothing else.

`v1` holds the models, `catalogue` lists them, `streams` says where events are kept, `nats` (extra `nats`) is a thin
typed client.
"""
