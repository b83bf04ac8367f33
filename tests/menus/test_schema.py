"""The JSON Schemas that editors use are those of the models, and the files point to them."""

import json
import pathlib

import jsonschema_rs
from ruamel.yaml import YAML

from menus.schema import schemas, write

FOLDER = pathlib.Path(__file__).parents[2] / "menus"
HEAD = "# yaml-language-server: $schema="


def test_the_schemas_on_disk_are_up_to_date() -> None:
    on_disk = {path.name: path.read_text("utf-8") for path in (FOLDER / "schema").iterdir()}
    assert on_disk == schemas(), "run `python app.py menus schema`"


def test_writing_again_changes_nothing(tmp_path: pathlib.Path) -> None:
    assert len(write(tmp_path / "schema")) == len(schemas())
    assert write(tmp_path / "schema") == []


def test_every_file_names_its_schema_and_keeps_it() -> None:
    paths = sorted(FOLDER.rglob("*.yaml"))
    assert len(paths) >= 14
    for path in paths:
        first = path.read_text("utf-8").splitlines()[0]
        assert first.startswith(HEAD), path
        schema = (path.parent / first.removeprefix(HEAD)).resolve()
        validator = jsonschema_rs.validator_for(json.loads(schema.read_text("utf-8")))
        errors = [error.message for error in validator.iter_errors(YAML(typ="safe").load(path))]
        assert errors == [], path


def test_the_schema_refuses_an_entry_that_opens_two_things() -> None:
    validator = jsonschema_rs.validator_for(json.loads(schemas()["wechat.json"]))
    assert not validator.is_valid({"menu": [{"name": "积分", "dialog": "help", "page": "/me"}]})
    assert validator.is_valid({"menu": [{"name": "积分", "dialog": "help"}]})
