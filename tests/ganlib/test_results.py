import json

import pytest

from ganlib import results


def test_reads_a_part_and_says_what_made_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    figures = {"small": {"command": "python run.py", "seeds": [0, 1], "runs": [1.5]}}
    results.write(figures, tmp_path / "trial.json")
    assert results.stored("trial", "small") == figures["small"]
    assert capsys.readouterr().out == "command: python run.py\nseeds: [0, 1]\n"
    assert results.stored("trial") == json.loads((tmp_path / "trial.json").read_text()) == figures


def test_an_unknown_name_is_one_sentence_with_those_that_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.write({}, tmp_path / "trial.json")
    with pytest.raises(FileNotFoundError, match="No results are stored as 'trail': there are trial."):
        results.stored("trail")


def test_all_results_of_the_course_can_be_read_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [path.stem for path in results.FOLDER.glob("*.json")]
    assert len(names) > 5 and all(results.stored(name) for name in names)
