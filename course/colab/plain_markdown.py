"""Turn the MyST of a chapter into Markdown that any notebook program shows: no directive, role or label is left."""

import html
import re
from dataclasses import dataclass

from course.markup import QuestionError, parse_question

ROLES = ("cite:p", "cite:t", "doc", "eq", "numref", "prf:ref", "ref", "term")
STATEMENTS = ("theorem", "lemma", "proposition", "corollary", "definition", "remark", "example", "assumption")
BOXES = ("note", "tip", "warning", "important")
FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,})(?!\{)")
DIRECTIVE = re.compile(r"(?P<fence>:{3,}|`{3,})\{(?P<name>[^}]+)\}[ \t]*(?P<title>.*)")
OPTION = re.compile(r":(?P<name>[\w-]+):[ \t]*(?P<value>.*)")
TARGET = re.compile(r"\([\w:.-]+\)=\s*")
# What stands first wins: an escaped sign, code and formulas keep what looks like a role in them.
INLINE = re.compile(
    r"(?P<keep>\\.|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<tex>\$\$.+?)\$\$(?:[ \t]*\((?P<label>[\w:.-]+)\))?"
    r"|(?P<math>\$[^$]+\$)"
    r"|\{(?P<role>[\w:.-]+)\}`(?P<content>[^`]+)`"
    r"|^(?P<marks>\#{1,6})[ ]",
    re.DOTALL | re.MULTILINE,
)


class MarkupError(Exception):
    """A chapter holds markup that has no plain form; the message says which and what to do."""


@dataclass
class Page:
    """What the book says of one chapter: see course.sphinx.refs. ``site`` ends with a slash; None leaves out links."""

    address: str
    headings: list[str]
    references: dict[str, list[list]]
    site: str | None = None

    def __post_init__(self):
        self._numbers = iter(self.headings)

    def heading(self, marks: str) -> str:
        """The marks of the next heading, with its number."""
        number = next(self._numbers, None)
        if number is None:
            raise MarkupError("there are more headings than on the page: build the book again")
        return f"{marks} {number}. " if number else f"{marks} "

    def end(self) -> None:
        """Complain of headings of the page that did not come."""
        if left := len(list(self._numbers)):
            raise MarkupError(f"{left} headings of the page are missing: build the book again")

    def look_up(self, name: str) -> list[list]:
        if name not in self.references:
            raise MarkupError(f"nothing in the book is called {name!r}: mend the label, or build the book again")
        return self.references[name]

    def text(self, name: str) -> str:
        """What a reference shows, such as ``Fig. 3.1`` for ``numref:fig-x``."""
        return "".join(text for text, _ in self.look_up(name))

    def link(self, text: str, address: str | None) -> str:
        return f"[{text}]({self.site}{address})" if self.site and address else text

    def reference(self, role: str, content: str) -> str:
        """A role as Markdown: its words, with links to the site."""
        if role not in ROLES:
            raise MarkupError(f"the role {{{role}}} has no plain form: write one of {', '.join(ROLES)}")
        content = " ".join(content.split())
        own = re.fullmatch(r"(?P<text>.+?)\s*<(?P<target>.+)>", content)
        words, target = (own["text"], own["target"]) if own else (None, content)
        if role == "term":
            words, target = words or content, target.lower()
        pieces = self.look_up(f"{role}:{target}")
        if words:
            return self.link(words, next((address for _, address in pieces if address), None))
        return "".join(self.link(text, address) for text, address in pieces)


def inline(text: str, page: Page) -> str:
    """Prose without directives: roles, labelled equations and headings turned into plain Markdown."""

    def shown(match: re.Match) -> str:
        if match["marks"]:
            return page.heading(match["marks"])
        if match["role"]:
            return page.reference(match["role"], match["content"])
        if match["label"]:
            tag = page.text(f"eq:{match['label']}").strip("()")
            return f"{match['tex'].rstrip()} \\tag{{{tag}}}\n$$"
        return match[0]

    return INLINE.sub(shown, text)


def on_one_line(text: str) -> str:
    """Formulas without line breaks: in a quotation Jupyter would take the ``>`` of each line for a part of them."""
    return re.sub(r"\$\$.+?\$\$|\$[^$]+\$", lambda match: " ".join(match[0].split()), text, flags=re.DOTALL)


def quoted(title: str, body: str) -> str:
    lines = [f"**{title}.**", "", *on_one_line(body).splitlines()]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def captioned(name: str, body: str, alt: str, page: Page) -> str:
    """A caption: the figure's number in italics, and in a fold what is to be seen, for those who cannot see it."""
    fold = f"<details><summary>This figure in words</summary>{html.escape(alt)}</details>"
    return f"*{page.text(f'numref:{name}')}.* {body}" + (f"\n\n{fold}" if alt else "")


def folded(title: str, body: str) -> str:
    """A fold: HTML, as Markdown has none."""
    return f"<details><summary>{html.escape(title)}</summary>\n\n{body}\n\n</details>"


def asked(title: str, lines: list[str], page: Page) -> str:
    """A question with its choices, and the answer in a fold."""
    try:
        parts = parse_question(lines)
    except QuestionError as error:
        raise MarkupError(str(error)) from None
    choices = "\n".join(f"* {inline(words, page)}" for words, _ in parts.choices)
    right = next(inline(words, page) for words, right in parts.choices if right)
    answer = plain("\n".join(parts.answer), page).strip()
    return f"**{inline(title, page)}**\n\n{choices}\n\n{folded('Answer', f'*{right}*' + chr(10) * 2 + answer)}"


def directive(name: str, title: str, lines: list[str], page: Page) -> str:
    """One directive, whose ``lines`` are its options and its body, as plain Markdown."""
    if name == "question":
        return asked(title, lines, page)
    options = {}
    while lines and (option := OPTION.fullmatch(lines[0])):
        options[option["name"]] = option["value"].strip()
        lines = lines[1:]
    if unknown := set(options) - {"caption": {"alt"}, "admonition": {"class"}}.get(name, {"label"}):
        raise MarkupError(f"the option :{sorted(unknown)[0]}: of {{{name}}} has no plain form: leave it out")
    body, plain_title = plain("\n".join(lines), page).strip(), inline(title, page).strip()
    bracketed = f" ({plain_title})" if plain_title else ""
    kind = name.removeprefix("prf:")
    if name == "caption":
        return captioned(title.strip(), body, options.get("alt", ""), page)
    if name == "prf:proof":
        apart = body.endswith("$$") or body.rpartition("\n")[2].startswith((">", "|"))
        return f"**Proof{bracketed}.**\n\n{body}" + ("\n\n∎" if apart else " ∎")
    if name.startswith("prf:") and kind in STATEMENTS:
        if "label" not in options:
            raise MarkupError(f"a {kind} has no label: write ':label: …' below its first line")
        return quoted(page.text(f"prf:ref:{options['label']}") + bracketed, body)
    if name == "dropdown":
        return folded(plain_title, body)
    if name in BOXES or name == "admonition" and plain_title:
        return quoted(plain_title or name.title(), body)
    raise MarkupError(f"the directive {{{name}}} has no plain form: write one in course/colab/plain_markdown.py")


def plain(source: str, page: Page) -> str:
    """The MyST ``source`` as plain Markdown; its headings and references are those of ``page``."""
    lines, blocks, prose = source.splitlines(), [], []
    at = 0
    while at < len(lines):
        line, at = lines[at], at + 1
        code, opened = FENCE.match(line), DIRECTIVE.fullmatch(line)
        opening = code or opened
        if opening is None:
            prose += [] if TARGET.fullmatch(line) else [line]
            continue
        fence = opening["fence"]
        closing = re.compile(rf"\s*{fence[0]}{{{len(fence)},}}\s*")
        end = next((number for number in range(at, len(lines)) if closing.fullmatch(lines[number])), None)
        if end is None:
            raise MarkupError(f"{line.strip()!r} is never closed: close it with {fence}")
        blocks.append(inline("\n".join(prose), page))  # before the directive: headings are numbered in order
        inner = lines[at:end]
        block = [line, *inner, lines[end]]
        if opened and not code:
            block = [directive(opened["name"], opened["title"], inner, page)]
        blocks.append("\n".join(block))
        prose, at = [], end + 1
    blocks.append(inline("\n".join(prose), page))
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip())
