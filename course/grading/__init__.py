"""Grading: submissions run in a sandbox; points and feedback come out."""
