"""What a reader waits for is measured and told; the figures themselves are the machine's."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import bench_waits  # noqa: E402

from ganlib import glyphs  # noqa: E402


def test_the_glyphs_are_drawn_from_cold(monkeypatch):
    drawn = []
    monkeypatch.setattr(bench_waits, "GLYPHS", 20)
    monkeypatch.setattr(bench_waits.glyphs, "render", lambda n, seed: drawn.append((n, glyphs._fields.cache_info())))
    glyphs._fields()
    assert bench_waits.glyph_seconds() >= 0
    [(n, cache)] = drawn
    assert n == 20 and cache.currsize == 0


@pytest.mark.parametrize(("measured", "status", "verdict"), [(1.0, 0, "met"), (2.0, 1, "MISSED")])
def test_a_missed_goal_sets_the_exit_status(tmp_path, monkeypatch, capsys, measured, status, verdict):
    (tmp_path / "index.html").write_text("")
    monkeypatch.setattr(bench_waits, "BOOK", tmp_path)
    monkeypatch.setattr(bench_waits.shutil, "which", lambda name: name)
    monkeypatch.setattr(bench_waits, "glyph_seconds", lambda: 0.0)
    monkeypatch.setattr(bench_waits, "pages", lambda *_: {"index.html": measured})
    assert bench_waits.main() == status and capsys.readouterr().out.rstrip().endswith(verdict)


def test_without_a_book_the_pages_are_left_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_waits, "BOOK", tmp_path)
    monkeypatch.setattr(bench_waits, "glyph_seconds", lambda: 0.0)
    assert bench_waits.main() == 0 and "need Chromium and a built book" in capsys.readouterr().out
