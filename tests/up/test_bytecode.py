"""Where compiled Python is kept."""

import sys

from ollive.up import bytecode


def test_it_lies_beside_the_sources_where_that_is_possible(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    assert bytecode.environment(tmp_path) == {}


def test_it_lies_in_the_data_folder_where_python_may_not_write_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    assert bytecode.environment(tmp_path) == {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode")}


def test_a_place_that_a_person_chose_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "pycache_prefix", "/somewhere")
    assert bytecode.environment(tmp_path) == {}
