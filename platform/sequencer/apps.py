"""The sequencer as a Django app: the journal's tables, commands and pages in the console."""

from django.apps import AppConfig


class SequencerConfig(AppConfig):
    name = "sequencer"
    verbose_name = "Journal"
