"""What turns the course's sources into pages, notebooks and grades. Knows ganlib; ganlib knows nothing of it."""
