"""What the course writes from templates, files that end in ``.jinja`` and lie beside the modules that use them."""

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from course.layout import ROOT

TEMPLATES = Environment(
    loader=FileSystemLoader(ROOT / "course", encoding="utf-8"),
    autoescape=select_autoescape(["html.jinja"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(name: str, **values) -> str:
    """The text of the template ``name``, such as ``colab/setup.py.jinja``, without a newline at its end.

    HTML templates escape what is filled in. A value that is missing raises ``jinja2.UndefinedError``.
    """
    return TEMPLATES.get_template(name).render(values)
