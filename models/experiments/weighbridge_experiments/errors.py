"""What an experiment can't go on without, said so that a person can mend it."""


class ExperimentError(Exception):
    """An experiment can't be run: the text says what was expected, what came, and the way out."""
