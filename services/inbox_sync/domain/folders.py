"""Which folders of a mailbox are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.providers.types import Folder, FolderRole

_ALWAYS = (FolderRole.INBOX, FolderRole.ALL, FolderRole.JUNK)


def names(value: object) -> tuple[str, ...]:
    """The folders that an account's settings name; nothing where they say something else."""
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list | tuple) else ()


def watched(folders: Sequence[Folder], wanted: Iterable[str]) -> list[Folder]:
    """INBOX first, since answers come there, or the folder of all mail that a client lists in its place; then Junk,
    where filters put some of them; then those asked for by the name people see, in any case."""
    known = {name.casefold() for name in wanted}
    first = sorted((f for f in folders if f.role in _ALWAYS), key=lambda f: _ALWAYS.index(f.role))
    return [*first, *(f for f in folders if f.role not in _ALWAYS and known & {f.name.casefold(), f.id.casefold()})]
