"""Docstrings on the API page are plain text: formulas such as |x| or A* need no escapes in the source."""

import re

# Kept: ``code`` and :role:`name`. Turned into code: `name`. Escaped: signs that reStructuredText takes for markup.
MARKUP = re.compile(r"(?P<keep>``.+?``|:[\w:]+:`[^`]+`)|`(?P<name>[^`\n]+)`|(?P<sign>[|]|\*(?!\s)|(?<=\w)_(?!\w))")


def plain(line: str) -> str:
    """One line of a docstring, such that reStructuredText shows it as it was written."""

    def shown(match: re.Match) -> str:
        if match["name"]:
            return f"``{match['name']}``"
        return match["keep"] or "\\" + match["sign"]

    return MARKUP.sub(shown, line)


def _process(app, what, name, obj, options, lines):
    lines[:] = map(plain, lines)


def setup(app):
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
