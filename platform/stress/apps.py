"""Stress tests as a Django app: the runs that staff ask for, and their pages in the console."""

from django.apps import AppConfig


class StressConfig(AppConfig):
    name = "stress"
    verbose_name = "Stress tests"
