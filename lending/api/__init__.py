"""The REST API of lending."""
