"""What a reader waits for is measured and told; the figures themselves are the machine's."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import bench_waits  # noqa: E402


def test_each_page_is_visited_and_told_with_its_goal(tmp_path, monkeypatch, capsys, browser):
    (tmp_path / "chapters").mkdir()
    for name in ("index.html", "chapters/01_game.html"):
        (tmp_path / name).write_text("<title>T</title><p>Words.</p>")
    monkeypatch.setattr(bench_waits, "BOOK", tmp_path)
    monkeypatch.setattr(bench_waits, "GLYPHS", 20)
    monkeypatch.setattr(bench_waits, "VISITS", 1)
    monkeypatch.setattr(bench_waits, "first_content", lambda *_: 0.5)
    assert bench_waits.main() in (0, 1)
    told = capsys.readouterr().out
    assert "20 glyphs from cold" in told and told.count("0.500  at most 1.500") == 2


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
