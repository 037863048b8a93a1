"""Scripts from node_modules as static files: only those which settings.NODE_ASSETS names.

Also the storage which puts a hash of the content into each file's name, so that browsers may keep
it for ever.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage, Error
from django.core.files.storage import FileSystemStorage, Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    """Hashed names after `collectstatic`; plain names in a checkout where it has not run."""

    # Rewrites the imports between our own modules to their hashed names, and only there: scripts of
    # other packages show imports in comments.
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("js/*.js", CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1]),
    )

    def stored_name(self, name: str) -> str:
        """Return the hashed name of a file, as the templates write it."""
        if not self.hashed_files:
            return name
        return str(super().stored_name(name))


class _Mapped(FileSystemStorage):
    """A folder in which files are known by other names."""

    def __init__(self, root: Path, names: dict[str, str]) -> None:
        super().__init__(location=root)
        self.names = names

    def path(self, name: str) -> str:
        return super().path(self.names[name])


class NodeModulesFinder(BaseFinder):
    """Finds the allowed files of node_modules under the names that pages use."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.root = Path(settings.BASE_DIR) / "node_modules"
        self.names: dict[str, str] = settings.NODE_ASSETS
        self.storage = _Mapped(self.root, self.names)

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Say what to do where a file is missing."""
        return [
            Error(
                f"node_modules/{source} is missing",
                hint="Run `npm ci --ignore-scripts` in the project's folder (or `make run`).",
                id="assets.E001",
            )
            for source in self.names.values()
            if not (self.root / source).is_file()
        ]

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Return where a file lies, or an empty list: the finders' own convention."""
        source = self.names.get(path)
        if source is None or not (self.root / source).is_file():
            return []
        found = str(self.root / source)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        """Yield what `collectstatic` copies."""
        for name in self.names:
            yield name, self.storage
