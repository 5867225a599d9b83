"""Graded exercises: from one source to what students, instructors and the grader get."""
