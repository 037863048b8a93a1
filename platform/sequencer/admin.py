"""The console of the journal: every command ever numbered, in words. Nothing is edited here."""

import json

import msgspec
from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from compliance.staff import ReadOnlyAdmin
from compliance.tables import LargeTableAdmin
from gateway.codec import decode_command, decode_event
from sequencer.models import Checkpoint, JournalEntry, Leader, Snapshot


def _words(value: msgspec.Struct) -> SafeString:
    """Show a command or an answer as indented JSON."""
    text = json.dumps(msgspec.to_builtins(value, str_keys=True), indent=2)
    return format_html("<pre>{}</pre>", text)


@admin.register(JournalEntry)
class JournalEntryAdmin(LargeTableAdmin):
    """Commands in the order in which they happened, with what each was answered."""

    list_display = ("sequence", "at_ns", "command_name", "answer_name", "command_id", "epoch")
    search_fields = ("=sequence", "=command_id")
    fields = ("sequence", "at_ns", "epoch", "command_id", "command_words", "answer_words", "links")
    readonly_fields = ("command_words", "answer_words", "links")

    @admin.display(description="command")
    def command_name(self, row: JournalEntry) -> str:
        """Show what was asked."""
        return type(decode_command(bytes(row.command))).__name__

    @admin.display(description="answer")
    def answer_name(self, row: JournalEntry) -> str:
        """Show what came of it."""
        return type(decode_event(bytes(row.answer))).__name__

    @admin.display(description="command")
    def command_words(self, row: JournalEntry) -> SafeString:
        """Show the whole command."""
        return _words(decode_command(bytes(row.command)))

    @admin.display(description="answer")
    def answer_words(self, row: JournalEntry) -> SafeString:
        """Show the whole answer."""
        return _words(decode_event(bytes(row.answer)))

    @admin.display(description="hash chain")
    def links(self, row: JournalEntry) -> str:
        """Show the hash which ties this entry to all before it."""
        return bytes(row.chain).hex()


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnlyAdmin):
    """States which recovery can start from."""

    list_display = ("sequence", "digest", "created_at")
    fields = list_display
    ordering = ("-sequence",)


@admin.register(Checkpoint)
class CheckpointAdmin(LargeTableAdmin):
    """Digests of the state, to compare a replay with."""

    list_display = ("sequence", "digest", "created_at")
    fields = list_display
    search_fields = ("=sequence",)


@admin.register(Leader)
class LeaderAdmin(ReadOnlyAdmin):
    """The engine which may write."""

    list_display = ("epoch", "address", "since")
