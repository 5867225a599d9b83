"""Where the course lives: the address of its repository and of its site, read at build time and never written down.

A fork's book so points to the fork. An address that nobody owns would hand its future owner every reader's Colab.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

GITHUB = "https://github.com"
COLAB = "https://colab.research.google.com"
BRANCH = "colab"  # of the same repository: it holds what `make colab` writes
# A name or password before the host is not kept. Over SSH a host may be an alias, so GitHub's own name alone counts.
REMOTE = re.compile(
    r"(?:https://(?:[^@/]+@)?(?P<host>[\w.-]+)/|(?:ssh://)?git@github\.com[:/])(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


class AddressError(Exception):
    """An address that was given is none; the message says which."""


@dataclass(frozen=True)
class Repository:
    """A repository, ``owner/name``, on a server."""

    server: str
    name: str

    @property
    def url(self) -> str:
        return f"{self.server}/{self.name}"

    @property
    def opens_in_colab(self) -> bool:
        """Colab opens notebooks from GitHub itself, from no other server."""
        return self.server == GITHUB

    @property
    def site(self) -> str | None:
        """The address of its GitHub Pages, with a slash at the end; None on another server."""
        owner, name = self.name.split("/")
        host = f"{owner.lower()}.github.io"
        if self.server != GITHUB:
            return None
        return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def find(root: Path, environment=os.environ) -> Repository | None:
    """The repository of the clone at ``root``: what GITHUB_REPOSITORY says, or its remote ``origin``, or none."""
    if name := environment.get("GITHUB_REPOSITORY"):
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            raise AddressError(f"GITHUB_REPOSITORY is {name!r}: write it as owner/name, or leave it out.")
        return Repository(environment.get("GITHUB_SERVER_URL", GITHUB).rstrip("/"), name)
    # Without a .git here git would ask the folders above, which may be another project's.
    if not (root / ".git").exists() or not shutil.which("git"):
        return None
    asked = subprocess.run(["git", "-C", root, "remote", "get-url", "origin"], capture_output=True, text=True)
    match = REMOTE.fullmatch(asked.stdout.strip())
    return Repository(f"https://{(match['host'] or 'github.com').lower()}", match["name"]) if match else None


def site(repository: Repository | None, environment=os.environ) -> str | None:
    """The address of the published book, with a slash at the end: BOOK_URL, or the repository's GitHub Pages."""
    if given := environment.get("BOOK_URL"):
        if not re.match(r"https?://[^/\s]", given):
            raise AddressError(f"BOOK_URL is {given!r}: write the whole address of the book, from https:// on.")
        return given.rstrip("/") + "/"
    return repository.site if repository else None


def with_launch_buttons(config: dict, repository: Repository | None) -> dict:
    """The book's settings, with a button on each chapter that opens its Colab edition, where Colab can open one."""
    if repository is None or not repository.opens_in_colab:
        return config
    return config | {
        "repository": config.get("repository", {}) | {"url": repository.url, "branch": BRANCH},
        "launch_buttons": config.get("launch_buttons", {}) | {"colab_url": COLAB},
    }
