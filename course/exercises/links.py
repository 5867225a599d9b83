"""Where a reader finds the exercise of a chapter: its notebook in the book, and its address in Colab."""

from pathlib import Path
from typing import NamedTuple

from course import repository
from course.exercises.source import ExerciseError, load
from course.notebook import Notebook

HEADING = "## Exercises\n"


class Link(NamedTuple):
    """An exercise: its notebook, the chapter that it belongs to, its title and its length in minutes."""

    name: str
    chapter: str
    title: str
    minutes: int

    @property
    def file(self) -> str:
        return f"exercises/{self.name}.ipynb"

    def colab(self, home: repository.Repository | None) -> str | None:
        """The address that opens it in Colab, from the branch that holds the Colab edition."""
        if home is None or not home.opens_in_colab:
            return None
        return f"{repository.COLAB}/github/{home.name}/blob/{repository.BRANCH}/{self.file}"


def find(sources: Path) -> list[Link]:
    """The exercises whose sources lie in a folder, in order; raises ExerciseError for a faulty one, with its name."""
    links = []
    for path in sorted(sources.glob("ex*.md")):
        try:
            exercise = load(path)
        except ExerciseError as error:
            raise ExerciseError(f"{path.name}: {error}.") from None
        links.append(Link(exercise.name, exercise.chapter, exercise.title, exercise.minutes))
    return links


def words(link: Link, download: str, home: repository.Repository | None) -> str:
    """What leads to the notebook; ``download`` is a link as the page writes it."""
    colab = link.colab(home)
    there = f", or [open it in Colab]({colab})" if colab else ""
    return f"*{link.title}*, about {link.minutes} minutes. Download {download}{there}."


def offer(notebook: Notebook, sentence: str) -> None:
    """Put the sentence below the heading "Exercises" of a chapter, in place."""
    sentence = f"**An exercise that checks itself:** {sentence}\n\nAnd ideas to try:"
    for cell in notebook.markdown:
        if HEADING in cell.source:
            cell.source = cell.source.replace(HEADING, f"{HEADING}\n{sentence}\n", 1)
            return
    raise ValueError("The chapter has no heading '## Exercises': its exercise has no place.")
