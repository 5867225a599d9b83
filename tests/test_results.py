import json

from ganlib import results


def test_reads_a_part_and_says_what_made_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    figures = {"small": {"command": "python run.py", "seeds": [0, 1], "runs": [1.5]}}
    (tmp_path / "results" / "trial.json").write_text(json.dumps(figures), encoding="utf-8")
    assert results.stored("trial", "small") == figures["small"]
    assert capsys.readouterr().out == "command: python run.py\nseeds: [0, 1]\n"
    assert results.stored("trial") == figures


def test_a_missing_file_is_said_and_empty(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert results.stored("trial") == {}
    said = capsys.readouterr().out
    assert "trial.json is not here" in said and "clone of the course" in said
