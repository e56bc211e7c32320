"""Which of Gmail's folders are read: All Mail instead of INBOX, for filters archive answers past it, and Spam.

A label is a folder to IMAP and a message lies in as many as it has labels; but for Spam and Trash, which All Mail
leaves out, to read All Mail is to read them all, each message once.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.providers.imap import folders
from services.providers.imap.mailbox import Listed
from services.providers.types import Folder, FolderRole


def to_read(listed: Sequence[Listed], extra: Sequence[str]) -> tuple[Folder, ...]:
    """INBOX and the labels that settings name where the person shows All Mail to no mail program."""
    everything = all_mail(listed)
    if everything is None:
        return folders.to_read(listed, extra)
    chosen = [Folder(everything.id, everything.name, FolderRole.ALL)]
    if spam := folders.find(FolderRole.JUNK, listed):
        chosen.append(Folder(spam.id, spam.name, FolderRole.JUNK))
    bin_ = trash(listed)
    if bin_ is not None and any(folders.find_named(name, listed) == bin_ for name in extra):
        chosen.append(Folder(bin_.id, bin_.name, FolderRole.OTHER))
    return tuple(chosen)


def all_mail(listed: Sequence[Listed]) -> Listed | None:
    return next((folder for folder in listed if "\\all" in folder.flags), None)


def trash(listed: Sequence[Listed]) -> Listed | None:
    return next((folder for folder in listed if "\\trash" in folder.flags), None)
