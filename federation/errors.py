"""What a federation refuses, as errors a person can act on; each text is one line that says what to do next.

Exception
  GotongError            the command line prints it and exits with 1
    ConfigError          a key, type, value or combination that no run can use
    WireError            a frame that is malformed, too large, or of an unknown version
    SignatureError       a frame, certificate or list that was not signed by whoever had to sign it
    PolicyRefusal        a vault does not do this: its country's policy or its gate says no
    LedgerError          the ledger is damaged, or something was to be released twice under one entry
    UpdateRejected       a country's update fails the coordinator's checks
    QuorumError          too few countries answered; the checkpoint stands
    CheckpointError      a checkpoint is missing, corrupt, or belongs to another run
    PackError            a compliance pack, or a section of one, that is not what Gotong writes
    ArchiveError         an issued forecast, or what it rests on, that is missing or not as it was archived
    ChampionError        a champion's file that this node does not take
    TrackingError        experiment tracking cannot be read (it never stops a training run)
    DeploymentError      a key, certificate, process or link of a deployment that does not work
"""

import re

# In an address: after `://user:` up to the @ before the host, unless that is a port. After ?password= and the like.
IN_ADDRESS = re.compile(r"(://[^:/@\s]*:)(?!\d+(?:[/?#\s]|$))[^\s]*?@(?=[^@/\s]*(?:[/?#\s]|$))")
IN_QUERY = re.compile(r"([?&;](?:password|passwd|pwd|token|secret|sslpassword)=)[^&;#\s]+", re.IGNORECASE)


class GotongError(Exception):
    """Base of everything that `federation` raises on purpose."""


class ConfigError(GotongError):
    """A setting that no run can use."""


class WireError(GotongError):
    """A frame that cannot be read."""


class SignatureError(GotongError):
    """A signature that is missing, made by another key, or of something else."""


class PolicyRefusal(GotongError):  # noqa: N818  a refusal is no fault
    """A request that a country does not serve."""


class SealError(GotongError):
    """A message of a sealed run that is not what it must be; the run ends for who received it."""


class LedgerError(GotongError):
    """A ledger that cannot be trusted or written."""


class UpdateRejected(GotongError):  # noqa: N818  the error is the sender's
    """An update that must not reach the model."""


class QuorumError(GotongError):
    """Too few countries for a round."""


class CheckpointError(GotongError):
    """A checkpoint that cannot be resumed from, or not be written."""


class PackError(GotongError):
    """A compliance pack, or a section of one, that nobody wrote so."""


class ArchiveError(GotongError):
    """An archived issue that is not as it was."""


class ChampionError(GotongError):
    """A champion's file that is not taken."""


class TrackingError(GotongError):
    """Tracked experiments that cannot be read."""


class DeploymentError(GotongError):
    """A key, certificate, process or link that does not work."""


def one_line(error: BaseException) -> str:
    """An error as a short line for a person."""
    text = without_passwords(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:99]} … {text[-98:]}"  # what was tried, and why it failed


def without_passwords(text: str) -> str:
    """The text with `***` for the passwords of addresses in it."""
    return IN_QUERY.sub(r"\1***", IN_ADDRESS.sub(r"\1***@", text))
