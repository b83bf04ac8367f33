"""Operators: who works at the console, as what, and how they prove who they are."""
