"""What can go wrong with a lab, each in words that name the way out."""


class LabError(Exception):
    """The lab can't do what was asked; the message says what was expected, and where to look."""


class CommandError(LabError):
    """A command that the lab ran failed.

    Attributes:
        command: its words.
        output: what it wrote, both streams.
    """

    def __init__(self, command: list[str], code: int, output: str) -> None:
        self.command = command
        self.output = output.strip()
        super().__init__(f"`{' '.join(command)}` ended with {code}:\n{self.output}")
