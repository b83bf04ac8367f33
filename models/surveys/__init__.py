"""Surveys: published from files, answered question by question, counted."""
