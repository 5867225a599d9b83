"""What tests of several rooms share."""

ANNOUNCED = ("_toc.yml", "index.md", "appendix/instructors.md")  # each must name every chapter
