"""The page that a student gets back: the points of each question and the public checks, nothing of the hidden tests."""

from course.templates import render


def page(record: dict) -> str:
    """The page of one submission as the grader recorded it."""
    return render("grading/feedback.html.jinja", record=record)
