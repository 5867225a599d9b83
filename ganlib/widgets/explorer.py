"""What the explorers share: their files, the numbers they show, and a copy that a page without a kernel can run."""

import base64
from pathlib import Path

try:
    import anywidget
    import traitlets
except ImportError as error:  # named, so that the reader knows what to install
    raise ImportError("The explorers need anywidget: install ganlib with its extra, `ganlib[widgets]`.") from error

from ganlib.widgets.bundle import bundle

HERE = Path(__file__).parent
SCRIPTS = HERE / "js"  # each file in it is an explorer's first module; the folders hold what these import
MEDIA_TYPE = "application/vnd.ganlib.explorer+json"


def source(name: str) -> str:
    """The JavaScript of an explorer as one module."""
    return bundle(SCRIPTS / f"{name}.js")


class Explorer(anywidget.AnyWidget):
    """A picture with controls, drawn by JavaScript from the traits that it holds.

    It is an ipywidget: it can be observed, linked and put into boxes. Shown in a notebook it also leaves a copy of its
    state, under ``MEDIA_TYPE``, from which the book draws it where no kernel runs. A subclass names its file in
    ``_file``, says in ``about`` what there is to see, and computes in ``numbers`` what its JavaScript computes.
    """

    _file = ""
    _css = (SCRIPTS / "explorer.css").read_text(encoding="utf-8")
    about = ""

    def __init_subclass__(cls, **kwargs):
        if "_file" in cls.__dict__:  # not for the class that anywidget derives from each to hold its traits
            cls._esm = source(cls._file)
        super().__init_subclass__(**kwargs)

    def numbers(self) -> dict:
        """What the explorer shows, computed by ganlib: names and floats."""
        raise NotImplementedError

    def still(self) -> dict:
        """What a page without a kernel needs: the explorer's file, its state as JSON, and what there is to see."""
        shared = set(anywidget.AnyWidget.class_trait_names())
        own = (name for name in self.trait_names(sync=True) if name not in shared and not name.startswith("_"))
        return {"file": self._file, "state": {name: _plain(getattr(self, name)) for name in own}, "about": self.about}

    def _repr_mimebundle_(self, **kwargs):
        if (bundled := super()._repr_mimebundle_(**kwargs)) is None:
            return None
        data, metadata = bundled
        return data | {"text/plain": self.about, MEDIA_TYPE: self.still()}, metadata


def _plain(value):
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def number(value: float, low: float, high: float) -> traitlets.Float:
    """A trait that the page and the kernel share: a float from ``low`` to ``high``."""
    return traitlets.Float(value, min=low, max=high).tag(sync=True)
