"""Folders that cannot be had."""

import tempfile

import pytest

import chainkit as ck
from chainkit.emulation.folders import emulators_folder, new_root


def test_a_folder_of_records_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHAINKIT_STATE", str(tmp_path / "file"))

    with pytest.raises(ck.DeployError, match="for records of emulators, cannot be had: File exists") as caught:
        emulators_folder()

    assert "CHAINKIT_STATE" in caught.value.fix


def test_a_temporary_folder_that_cannot_be_had_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(ck.DeployError, match="no folder for an emulator's files") as caught:
        new_root()

    assert "TMPDIR" in caught.value.fix
