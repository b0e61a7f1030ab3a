"""What can go wrong in a classroom, each with one sentence for the person who asked; none names a file or a table."""

from __future__ import annotations


class ClassroomError(RuntimeError):
    """The classroom cannot do what was asked; the message is one sentence for whoever asked."""


class NotThere(ClassroomError):
    """A room, a question or a image that does not exist, or no longer does."""


class Refused(ClassroomError):
    """What is asked is not allowed now, or not by this person."""


class Stranger(Refused):
    """Who asks has not joined the room."""


class Unfit(ClassroomError):
    """Data that is not of the form that was asked for."""


class TooMany(ClassroomError):
    """More requests, people or rooms than one may have; `wait` is the number of seconds after which to try again."""

    def __init__(self, message: str, wait: float = 60.0) -> None:
        super().__init__(message)
        self.wait = wait
