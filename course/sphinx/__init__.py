"""Extensions of Sphinx that the book is built with."""
