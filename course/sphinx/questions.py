"""Questions on a page, without a kernel; course/markup.py says how one is written.

The choices are native radio buttons, the answer is a native fold; _static/book.js opens it at a choice, says whether
the choice is right, and remembers it on the reader's device.
"""

from docutils import nodes
from docutils.parsers.rst import Directive

from course.markup import QuestionError, parse_question


class element(nodes.General, nodes.Element):
    """An element of HTML: its attribute ``tag`` names it, and ``html`` holds further attributes."""


def visit_element(self, node):
    self.body.append(self.starttag(node, node["tag"], "", **node.get("html", {})))


def depart_element(self, node):
    self.body.append(f"</{node['tag']}>\n")


class Question(Directive):
    """``:::{question} The question?``, with its choices and its answer."""

    required_arguments, final_argument_whitespace, has_content = 1, True, True

    def run(self):
        try:
            parts = parse_question(list(self.content))
        except QuestionError as error:
            raise self.error(str(error)) from None
        name = "question-" + nodes.make_id(self.arguments[0])[:50].rstrip("-")
        words, messages = self.state.inline_text(self.arguments[0], self.lineno)
        asked = element("", tag="fieldset", classes=["question"], html={"data-question": name})
        asked += element("", *words, tag="legend")
        for text, right in parts.choices:
            value = "right" if right else "wrong"
            button = nodes.raw("", f'<input type="radio" name="{name}" value="{value}"> ', format="html")
            inline, more = self.state.inline_text(text, self.lineno)
            asked += element("", button, nodes.inline("", "", *inline), tag="label")
            messages += more
        asked += nodes.raw("", '<output class="verdict" aria-live="polite"></output>', format="html")
        answer = element("", element("", nodes.Text("Answer"), tag="summary"), tag="details", classes=["answer"])
        at = len(self.content) - len(parts.answer)
        self.state.nested_parse(self.content[at:], self.content_offset + at, answer)
        asked += answer
        return [asked, *messages]


def setup(app):
    app.add_node(element, html=(visit_element, depart_element))
    app.add_directive("question", Question)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
