"""Who handed in what: the files of a folder, under the ids of a roster."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


class RosterError(Exception):
    """A file that is no roster; the message says why and what to do."""


@dataclass(frozen=True)
class Task:
    """A submission: whose it is and where it lies."""

    id: str
    path: Path


def find_tasks(folder: Path) -> list[Task]:
    """Every file below ``folder``; an id is the name of the file, or of a student's own folder, as Moodle makes it."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    paths = [path for path in paths if ".ipynb_checkpoints" not in path.parts]
    names = [path.relative_to(folder).parts for path in paths]
    alone = {parts[0] for parts in names if len(parts) > 1 and sum(other[0] == parts[0] for other in names) == 1}
    tasks, taken = [], set()
    for path, parts in zip(paths, names, strict=True):
        name = parts[0] if parts[0] in alone else "/".join([*parts[:-1], path.stem])
        name = name if name not in taken else "/".join(parts)
        taken.add(name)
        tasks.append(Task(name, path))
    return tasks


def read_roster(path: Path) -> list[str]:
    """The column ``id`` of a CSV file."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        if "id" not in (table.fieldnames or ()):
            raise RosterError(f"{path} has no column 'id': its first line must name the columns, one of them id.")
        ids = [row["id"].strip() for row in table if (row["id"] or "").strip()]
    if len(set(ids)) < len(ids):
        twice = next(each for each in ids if ids.count(each) > 1)
        raise RosterError(f"{path} lists {twice} twice: each student must stand there once.")
    return ids


def on_roster(name: str, roster: list[str]) -> str | None:
    """Whose submission it is: the whole name, or one of its words, as Canvas and Moodle put them together."""
    words = {name, *re.split(r"[_/\s]", name)}
    names = [each for each in roster if each in words]
    return names[0] if len(names) == 1 else None


def assigned(tasks: list[Task], roster: list[str] | None) -> tuple[list[Task], list[dict]]:
    """The tasks under the roster's ids, and records of what needs no grading: who handed in nothing, or twice."""
    if roster is None:
        return tasks, []
    owned = [(on_roster(task.id, roster), task) for task in tasks]
    counts = Counter(who for who, _ in owned)
    several = sorted(who for who in roster if counts[who] > 1)
    known = [unread(task.id, "error", "nobody on the roster has this id") for who, task in owned if not who]
    known += [unread(who, "error", "more than one file: keep the one that counts") for who in several]
    known += [unread(who, "missing", "") for who in roster if not counts[who]]
    return [Task(who, task.path) for who, task in owned if counts[who] == 1 and who], known


def unread(identity: str, status: str, error: str) -> dict:
    """The record of a submission that was not graded; one that is missing has 0 points."""
    return {"id": identity, "status": status, "total": 0 if status == "missing" else None, "error": error}
