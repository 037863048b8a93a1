"""Trading as a Django app."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    name = "trading"
