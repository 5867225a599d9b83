"""Files that are written at once or not at all; kills and full disks are tested with the checkpoints."""

import pytest

from ganlib import files


def test_a_file_is_written_whole_and_alone_into_a_folder_that_is_made(tmp_path):
    file = tmp_path / "deep" / "er" / "note.txt"
    for content in (b"first", b"", b"second"):
        files.write(file, content)
        assert file.read_bytes() == content and list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_what_was_there_stays_where_writing_fails(tmp_path, monkeypatch, fails):
    file = tmp_path / "note.txt"
    files.write(file, b"before")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, fails, fail)
    with pytest.raises(OSError, match="No space left"):
        files.write(file, b"after")
    assert file.read_bytes() == b"before" and list(tmp_path.iterdir()) == [file]
