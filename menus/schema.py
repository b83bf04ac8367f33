"""JSON Schemas of the menu files, made from the models, for completion and checks in editors."""

import json
import pathlib

import pydantic

from menus.agent_rules import AgentsFile
from menus.entries import MenuFile
from menus.keywords import KeywordsFile
from menus.membership_rules import MembershipsFile
from menus.merchant_rules import MerchantsFile
from menus.scenes import ScenesFile
from menus.survey_rules import SurveyFile
from menus.synonyms import SynonymsFile
from menus.task_rules import TasksFile
from menus.texts import TextsFile
from menus.tier_rules import TiersFile

MODELS: dict[str, type[pydantic.BaseModel]] = {
    "wechat.json": MenuFile,
    "keywords.json": KeywordsFile,
    "scenes.json": ScenesFile,
    "synonyms.json": SynonymsFile,
    "texts.json": TextsFile,
    "tiers.json": TiersFile,
    "merchants.json": MerchantsFile,
    "agents.json": AgentsFile,
    "tasks.json": TasksFile,
    "memberships.json": MembershipsFile,
    "survey.json": SurveyFile,
}


def schemas() -> dict[str, str]:
    """File name -> JSON Schema (draft 2020-12), the same text for the same models."""
    return {name: _written(model) for name, model in MODELS.items()}


def write(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """Write them into `folder` (menus/schema); gives the paths of those that changed."""
    target = pathlib.Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in schemas().items():
        path = target / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            changed.append(path)
    return changed


def _written(model: type[pydantic.BaseModel]) -> str:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(),
    }
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
