"""The hedging desk as a Django app: its tables, its worker and its pages in the console."""

from django.apps import AppConfig


class HedgingConfig(AppConfig):
    name = "hedging"
    verbose_name = "Hedging desk"
