"""Who handed in what: the files of a folder, under the ids of a roster."""

import csv
import io
import os
import re
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SAVE = "save it as CSV in UTF-8"
SEPARATORS = ",;\t"
ROUNDED = re.compile(r"\d+([.,]\d+)?E\+?\d+", re.IGNORECASE)  # what a spreadsheet makes of a long number
# Where learning platforms put a student's id: into the name of the file, or of the folder with the files of one.
PLACES = (
    re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_\d+_.+", re.DOTALL),  # Canvas: name_id_submission_file
    re.compile(r"(?P<name>.+)_(?P<id>[^_]+)_assignsubmission_.*", re.DOTALL),  # Moodle: name_id_assignsubmission_file
    re.compile(r".+_(?P<id>[^_]+)_attempt_\d{4}-\d\d-\d\d.*", re.DOTALL),  # Blackboard: assignment_id_attempt_date_file
)


class RosterError(Exception):
    """A file that is no roster; the message says why and what to do."""


@dataclass(frozen=True)
class Task:
    """A submission: whose it is and where it lies."""

    id: str
    path: Path


def find_tasks(folder: Path) -> list[Task]:
    """Every file below ``folder``; an id is the name of the file, or of a student's own folder, as Moodle makes it.

    A folder that holds one notebook is that student's: other files beside it, such as a PDF, are left aside. Links are
    not followed; a link is a task, which :func:`assigned` refuses.
    """
    paths = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each != ".ipynb_checkpoints")
        linked = [each for each in folders if (Path(place) / each).is_symlink()]
        paths += [Path(place) / each for each in [*names, *linked] if not each.startswith(".")]
    paths.sort()
    inside = defaultdict(list)
    for path in paths:
        inside[path.relative_to(folder).parts[0]].append(path)
    tasks: list[Task] = []
    for top, held in inside.items():
        notebooks = [path for path in held if path.suffix == ".ipynb"]
        own = notebooks if len(notebooks) == 1 else held
        if own[0] != folder / top and len(own) == 1:
            tasks.append(Task(_text(top), own[0]))
            continue
        for path in own:
            parts = path.relative_to(folder).parts
            tasks.append(Task(_text("/".join([*parts[:-1], path.stem])), path))
    taken: set[str] = set()
    for at, task in enumerate(tasks):
        if task.id in taken:
            tasks[at] = Task(_text("/".join(task.path.relative_to(folder).parts)), task.path)
        taken.add(tasks[at].id)
    return tasks


def _text(name: str) -> str:
    """A file's name as text, whatever bytes it is made of."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def read_roster(path: Path) -> list[str]:
    """The column ``id`` of a CSV file, as spreadsheets save it: whatever its separator, with or without a byte mark.

    Raises RosterError, in one sentence, for a file of which it cannot be sure that it reads each student.
    """
    content = path.read_bytes()
    if content.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        raise RosterError(f"{path} is a spreadsheet: {SAVE}.")
    text, sure = _decoded(content, path)
    lines = text.splitlines() or [""]
    if re.fullmatch(r"sep=.\s*", lines[0]):  # Excel's own line
        text = text[len(lines.pop(0)) :].lstrip()
    first = lines[0] if lines else ""
    separator = max(SEPARATORS, key=lambda each: sum(map(_is_id, first.split(each))))
    table = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows = []
    try:
        for row in table:
            if any("\n" in cell or "\r" in cell for cell in row):
                raise csv.Error("a text in quotes runs over several lines")
            rows.append(row)
    except csv.Error as error:
        raise RosterError(
            f"{path} cannot be read up to its line {table.line_num} ({error}): close its quotes."
        ) from None
    columns = [at for at, name in enumerate(rows[0] if rows else []) if _is_id(name)]
    if len(columns) != 1:
        number = "no column" if not columns else "more than one column"
        raise RosterError(f"{path} has {number} 'id': its first line must name the columns, one of them id.")
    ids = [row[columns[0]].strip() for row in rows[1:] if len(row) > columns[0] and row[columns[0]].strip()]
    seen: dict[str, str] = {}
    for each in ids:
        if not sure and not each.isascii():
            raise RosterError(f"{path} is in a code page that it does not name, and an id has letters of it: {SAVE}.")
        if ROUNDED.fullmatch(each):
            raise RosterError(f"{path} has the id {each}, which a spreadsheet has rounded: format the column as text.")
        if folded(each) in seen:
            raise RosterError(f"{path} lists {each} twice: each student must stand there once.")
        seen[folded(each)] = each
    return ids


def _is_id(name: str) -> bool:
    return name.strip().strip('"').casefold() == "id"


def _decoded(content: bytes, path: Path) -> tuple[str, bool]:
    """The text of a CSV file, and whether its code is known; else letters that are not ASCII are guesses."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), True
        except UnicodeDecodeError:
            raise RosterError(f"{path} is cut off in the middle of a letter: {SAVE}.") from None
    if b"\0" in content:
        raise RosterError(f"{path} is no text: {SAVE}.")
    try:
        return content.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return content.decode("latin-1"), False


def folded(name: str) -> str:
    """A name without what tells no two students apart: case, Unicode's ways to write a letter, spaces around it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


class Roster:
    """The ids of a roster, and whose a file is."""

    def __init__(self, ids: Iterable[str]):
        self.ids = {folded(each): each for each in ids}
        short = defaultdict(list)  # a spreadsheet drops the zeros before a number
        for each in self.ids:
            if each.isdecimal():
                short[each.lstrip("0")].append(each)
        self._short = {each: of[0] for each, of in short.items() if len(of) == 1}
        # An id as a whole word: between letters and digits of no kind.
        self._words = {each: re.compile(rf"(?<![^\W_]){re.escape(each)}(?![^\W_])") for each in self.ids}

    def known(self, word: str) -> str | None:
        """The id that a word is, where it is one."""
        word = folded(word)
        word = word if word in self.ids else self._short.get(word.lstrip("0"), "") if word.isdecimal() else ""
        return self.ids.get(word)

    def owners(self, name: str) -> list[str]:
        """Whose a file of this name may be: by the whole name, by a platform's own places, else by its words."""
        if who := self.known(name):
            return [who]
        head = name.split("/")[0]
        for place in PLACES:
            if match := place.fullmatch(head):  # what else stands in such a name is the student's own choice
                return [who for word in match.groups() if (who := self.known(word))][:1]
        text = folded(name)
        spans = {each: match.span() for each, word in self._words.items() if (match := word.search(text))}
        widest = [
            each
            for each, (begin, end) in spans.items()
            if not any(a <= begin and end <= b and (a, b) != (begin, end) for a, b in spans.values())
        ]
        if not widest:  # numbers that lost their zeros
            widest = [
                folded(who) for word in re.findall(r"(?<![^\W_])\d+(?![^\W_])", text) if (who := self.known(word))
            ]
        return sorted({self.ids[each] for each in widest})


def _plain(path: Path) -> bool:
    """Whether a path is a file, or is gone, which is told when it is read: no link, no pipe, no socket."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return True


def assigned(tasks: list[Task], ids: list[str] | None) -> tuple[list[Task], list[dict]]:
    """The tasks under the roster's ids, and records of what needs no grading.

    These are links, files of nobody, several notebooks of one student, and students of whom there is no file. Only
    where every file has its student is such a student's total 0.
    """
    linked = [task for task in tasks if not _plain(task.path)]
    refusal = "it is a link or no plain file, and such are not followed: hand in the file"
    known = [unread(task.id, "error", refusal) for task in linked]
    tasks = [task for task in tasks if task not in linked]
    if ids is None:
        return tasks, known
    roster, files, lost = Roster(ids), defaultdict(list), len(linked)
    for task in tasks:
        owners = roster.owners(task.id)
        if len(owners) == 1:
            files[owners[0]].append(task.path)
            continue
        lost += 1
        reason = (
            f"its name holds several ids, {' and '.join(owners[:3])}" if owners else "nobody on the roster has this id"
        )
        known.append(unread(task.id, "error", f"{reason}: rename it and grade again"))
    ready = []
    for who in ids:
        notebooks = [path for path in files[who] if path.suffix == ".ipynb"] or files[who]
        if len(notebooks) == 1:
            ready.append(Task(who, notebooks[0]))
        elif notebooks:
            known.append(unread(who, "error", "more than one notebook: keep the one that counts"))
        elif lost:
            reason = f"no file has this id, but {lost} of the files belong to nobody yet: look at these first"
            known.append(unread(who, "missing", reason) | {"total": None})
        else:
            known.append(unread(who, "missing", ""))
    return ready, known


def unread(identity: str, status: str, error: str) -> dict:
    """The record of a submission that was not graded; one that is missing has 0 points."""
    return {"id": identity, "status": status, "total": 0 if status == "missing" else None, "error": error}
