"""What ends a run: one sentence which tells the person at the terminal what to do."""


class CannotRun(Exception):
    """Ends the run with exit code 1; its text is shown as it is, without a traceback."""
