"""Forms of the console: handlers/office/forms.py, under the name that its pages use."""

from __future__ import annotations

from handlers.office.forms import LONGEST, Form, clean, read

__all__ = ["LONGEST", "Form", "clean", "read"]
