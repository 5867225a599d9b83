"""The one parser of exercise sources: what it reads, and what it refuses in one sentence."""

import pytest

from course.exercises import links, source
from course.layout import ROOT

PILOT = (ROOT / "tests/course/pilot_exercise.md").read_text(encoding="utf-8")


def test_a_source_is_read_with_its_constants_filled_in(tmp_path):
    (tmp_path / "ex04.md").write_text(PILOT, encoding="utf-8")
    exercise = source.load(tmp_path / "ex04.md")
    assert (exercise.name, exercise.chapter, exercise.title, exercise.minutes) == (
        "ex04", "04_saturation", "a pilot", 60)  # fmt: skip
    assert exercise.questions == {"q1": 4}
    assert "At -6 the first" in "".join(cell.source for cell in exercise.notebook.cells)
    assert links.find(tmp_path) == [links.Link("ex04", "04_saturation", "a pilot", 60)]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("chapter:", "chapters:", "its front matter has no chapter"),
        ("minutes:", "minuets:", "its front matter has no minutes"),
        ("exercise:", "exercises:", "its front matter has no chapter"),
        ("# Exercise 04: a pilot", "# A pilot", "it has no title"),
        ("points: 3", "points: many", "a test has no points"),
    ],
)
def test_a_faulty_source_is_refused_and_named(tmp_path, old, new, sentence):
    assert old in PILOT
    (tmp_path / "ex04.md").write_text(PILOT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(source.ExerciseError, match=f"^{sentence}"):
        source.load(tmp_path / "ex04.md")
    with pytest.raises(source.ExerciseError, match=f"^ex04.md: {sentence}"):
        links.find(tmp_path)
