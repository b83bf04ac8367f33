"""The settings that a process starts with, or an end with every mistake named."""

from __future__ import annotations

import os

import click

import logs
import settings as configuration
from menus.menus import Mistakes
from settings import Settings


def load_settings() -> Settings:
    """The settings, or an end with every mistake named."""
    try:
        config = configuration.load(os.environ)
    except Mistakes as wrong:
        for mistake in wrong.mistakes:
            click.echo(f"error: {mistake}", err=True)
        raise SystemExit(2) from None
    logs.configure(config.log.level)
    for name in configuration.unknown_names(os.environ):
        logs.log.warning("environment name without a setting", name=name)
    if config.boss.secret is None:
        logs.log.warning(
            "BOSS is not configured: clubs cannot be opened", set="CIRCLE_BOSS__SECRET"
        )
    if config.console.secret is None and config.environment == "production":
        logs.log.warning("the console has no secret: it stays shut", set="CIRCLE_CONSOLE__SECRET")
    return config
