"""What can be wrong with data, as errors a person can act on.

Exception
  TaskError            anything this library refuses
    DataError          a national or public file: names file, row, value and remedy
    SettingError       a task setting out of its range: names key, value and range
"""


class TaskError(Exception):
    """Base of everything that `tasks` raises on purpose; its text is one line for a person."""


class DataError(TaskError):
    """A file that cannot be used as it is."""


class SettingError(TaskError):
    """A setting that no run can use."""
