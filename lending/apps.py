"""Lending as a Django app."""

from django.apps import AppConfig


class LendingConfig(AppConfig):
    name = "lending"
