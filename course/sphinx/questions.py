"""Questions on a page, without a kernel; course/markup.py says how one is written.

The choices are native radio buttons, the answer is a native fold; _static/book.js opens it at a choice, says whether
the choice is right, and remembers it on the reader's device.
"""

from docutils import nodes
from docutils.parsers.rst import Directive

from course.markup import QuestionError, parse_question


def _element(name: str, tag: str):
    """A class of nodes that HTML shows as one element, with the attributes that the node holds in ``html``."""

    def visit(self, node):
        self.body.append(self.starttag(node, tag, "", **node.get("html", {})))

    def depart(self, node):
        self.body.append(f"</{tag}>\n")

    return type(name, (nodes.General, nodes.Element), {}), visit, depart


question, *QUESTION = _element("question", "fieldset")
legend, *LEGEND = _element("legend", "legend")
choice, *CHOICES = _element("choice", "label")
answer, *ANSWER = _element("answer", "details")
summary, *SUMMARY = _element("summary", "summary")


class AskHere(Directive):
    """``:::{question} The question?``, with its choices and its answer."""

    required_arguments, final_argument_whitespace, has_content = 1, True, True

    def run(self):
        try:
            parts = parse_question(list(self.content))
        except QuestionError as error:
            raise self.error(str(error)) from None
        name = "question-" + nodes.make_id(self.arguments[0])[:50].rstrip("-")
        words, messages = self.state.inline_text(self.arguments[0], self.lineno)
        asked = question("", legend("", *words), classes=["question"], html={"data-question": name})
        for text, right in parts.choices:
            value = "right" if right else "wrong"
            button = nodes.raw("", f'<input type="radio" name="{name}" value="{value}"> ', format="html")
            inline, more = self.state.inline_text(text, self.lineno)
            asked += choice("", button, nodes.inline("", "", *inline))
            messages += more
        asked += nodes.raw("", '<output class="verdict" aria-live="polite"></output>', format="html")
        told = answer("", summary("", nodes.Text("Answer")), classes=["answer"])
        offset = self.content_offset + len(self.content) - len(parts.answer)
        self.state.nested_parse(self.content[len(self.content) - len(parts.answer) :], offset, told)
        return [asked + told, *messages]


def setup(app):
    for node, shown in (
        (question, QUESTION),
        (legend, LEGEND),
        (choice, CHOICES),
        (answer, ANSWER),
        (summary, SUMMARY),
    ):
        app.add_node(node, html=tuple(shown))
    app.add_directive("question", AskHere)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
