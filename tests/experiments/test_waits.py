"""What a reader waits for is measured and told; the figures themselves are the machine's."""

import pytest

from experiments import waits
from ganlib import glyphs


def test_the_glyphs_are_drawn_from_cold(monkeypatch):
    drawn = []
    monkeypatch.setattr(waits, "GLYPHS", 20)
    monkeypatch.setattr(waits.glyphs, "render", lambda n, seed: drawn.append((n, glyphs._fields.cache_info())))
    glyphs._fields()
    assert waits.glyph_seconds() >= 0
    [(n, cache)] = drawn
    assert n == 20 and cache.currsize == 0


@pytest.mark.parametrize(("measured", "status", "verdict"), [(1.0, 0, "met"), (2.0, 1, "MISSED")])
def test_a_missed_goal_sets_the_exit_status(tmp_path, monkeypatch, capsys, measured, status, verdict):
    (tmp_path / "index.html").write_text("")
    monkeypatch.setattr(waits, "BOOK", tmp_path)
    monkeypatch.setattr(waits.shutil, "which", lambda name: name)
    monkeypatch.setattr(waits, "glyph_seconds", lambda: 0.0)
    monkeypatch.setattr(waits, "pages", lambda *_: {"index.html": measured})
    assert waits.main() == status and capsys.readouterr().out.rstrip().endswith(verdict)


def test_without_a_book_the_pages_are_left_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(waits, "BOOK", tmp_path)
    monkeypatch.setattr(waits, "glyph_seconds", lambda: 0.0)
    assert waits.main() == 0 and "need Chromium and a built book" in capsys.readouterr().out
