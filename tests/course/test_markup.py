"""What a chapter's own marks mean, and how long a chapter takes to read by them."""

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.book import reading
from course.markup import QuestionError, deeper_runs, parse_question
from course.notebook import CHECK, DEEPER, FIGURE, SETUP, Notebook


def tagged(cell, *tags):
    cell.metadata["tags"] = list(tags)
    return cell


def test_a_question_has_its_choices_and_its_answer():
    lines = ["* [ ] One,", "  on two lines.", "* [x] Two.", "", "Because $1 + 1 = 2$.", "", "So it is."]
    question = parse_question(lines)
    assert question.choices == [("One, on two lines.", False), ("Two.", True)]
    assert question.answer == ["", "Because $1 + 1 = 2$.", "", "So it is."]
    assert parse_question(["", *lines]) == question


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["* [x] One.", "", "Yes."], "at least two choices"),
        (["What now?", "* [x] One.", "* [ ] Two.", "", "Yes."], "at least two choices"),
        (["* [ ] One.", "* [ ] Two.", "", "Yes."], "one right choice"),
        (["* [x] One.", "* [x] Two.", "", "Yes."], "one right choice"),
        (["* [x] One.", "* [ ] Two."], "needs its answer"),
        (["* [x] One.", "* [ ] Two.", "", "  "], "needs its answer"),
        ([], "at least two choices"),
    ],
)
def test_a_question_of_another_form_is_refused_in_one_sentence(lines, sentence):
    with pytest.raises(QuestionError, match=sentence):
        parse_question(lines)


def test_runs_of_deeper_cells_end_where_the_tag_or_a_new_title_says_so():
    cells = [
        new_markdown_cell("Main line."),
        tagged(new_markdown_cell("**Deeper: why it holds.**\n\nProof."), DEEPER),
        tagged(new_code_cell("1"), CHECK, DEEPER),
        tagged(new_markdown_cell("**Deeper: how large it is**\n\nWords."), DEEPER),
        new_markdown_cell("**Deeper: no tag, no run.**"),
        tagged(new_code_cell("2"), DEEPER),
    ]
    runs = deeper_runs(Notebook(new_notebook(cells=cells)))
    assert runs == [(1, 3, "why it holds"), (3, 4, "how large it is"), (5, 6, "")]


WORDS = "word " * 200
FOLDED = f"::::{{dropdown}} Deeper: a proof\n:::{{prf:proof}}\n{WORDS}\n:::\n::::\n"


@pytest.mark.parametrize(
    ("cell", "core", "everything"),
    [
        (new_markdown_cell(WORDS), 1, 1),
        (new_markdown_cell("$$\na\n$$ (eq-a)\n\n$$b$$"), 3, 3),
        (new_markdown_cell("$a$ " * 30), 1, 1),
        (new_markdown_cell(WORDS + "\n\n" + FOLDED + "\n" + WORDS), 2, 3),
        (new_markdown_cell(FOLDED.replace("Deeper: a", "A")), 1, 1),
        (new_code_cell("x = 1\n\n" * 15), 1, 1),
        *((tagged(new_code_cell("x = 1\n" * 15), tag), 0, 0) for tag in (SETUP, CHECK, FIGURE)),
        (tagged(new_code_cell("x = 1\n" * 15), DEEPER), 0, 1),
        (tagged(new_markdown_cell(WORDS), DEEPER), 0, 1),
        (new_markdown_cell(":::{caption} fig-a\n:alt: " + WORDS + "\n" + WORDS + "\n:::"), 1, 1),
    ],
)
def test_the_reading_time_of_a_cell(cell, core, everything):
    measured = reading.minutes_of_cell(cell)
    assert measured == pytest.approx((core, everything), abs=0.03)
    twice = Notebook(new_notebook(cells=[cell, NotebookNode(cell | {"id": "again"})]))
    assert reading.minutes(twice) == pytest.approx([2 * each for each in measured])


def test_what_the_opening_states_is_read():
    opening = "# A\n\n* **Time.** Core: about 55 minutes; all: about 95. The cells run in a minute."
    assert reading.stated(Notebook(new_notebook(cells=[new_markdown_cell(opening)]))) == (55, 95)
    assert reading.stated(Notebook(new_notebook(cells=[new_markdown_cell("# A\n\n* **Time.** An hour.")]))) is None


def test_a_line_for_each_chapter_that_is_named(capsys):
    assert reading.main(["01", "02"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:3] for line in lines] == ["01_", "02_"] and all("core" in line for line in lines)
