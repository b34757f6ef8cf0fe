"""Every error a user can meet: one tree, one shape of text.

The text is *who: field=value is PROBLEM; what is allowed*, a newline, and *fix: what to do next*. Both parts are also
attributes, so that a form can show them beside the field that caused them.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class ChainkitError(Exception):
    """Root of all errors that chainkit raises on purpose.

    Parameters
    ----------
    problem : who, which value, what is allowed
    fix : what to do next, without the word "fix"

    Examples
    --------
    >>> error = ConfigError("LambdaFunction 'pay': memory_mb=64 is outside 128..10240 MB", fix="choose 128 or more")
    >>> print(error)
    LambdaFunction 'pay': memory_mb=64 is outside 128..10240 MB
      fix: choose 128 or more
    """

    def __init__(self, problem: str, *, fix: str = "") -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(f"{problem}\n  fix: {fix}" if fix else problem)


class ConfigError(ChainkitError, ValueError):
    """A setting that AWS, or the simulator, would refuse."""


class RefusedError(ConfigError, KeyError):
    """A way of wiring that a flow cannot have, looked up among those that it can."""

    __str__ = Exception.__str__  # KeyError's own would show the text as Python writes it


class WiringError(ChainkitError, ValueError):
    """Two services that cannot be connected, or a graph that cannot run."""


class DesignFileError(ChainkitError, ValueError):
    """A file that cannot be read as a chain."""


class ShapeError(ChainkitError, ValueError):
    """Arrays that do not fit each other."""


class PriceMissingError(ChainkitError, LookupError):
    """A meter without a price in this region: never taken as zero."""


class SimulationError(ChainkitError, RuntimeError):
    """A run that cannot be carried out or read."""


class TemplateError(ChainkitError, ValueError):
    """A chain that has no CloudFormation form."""


class DeployError(ChainkitError, RuntimeError):
    """A deploy target that refused, lost or changed something; the target's own error is `__cause__`."""


class MissingError(ChainkitError, ImportError):
    """Something that has to be installed first."""


def nearest(word: object, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the known word closest to `word`, or "" if none is close or it is no word.

    >>> nearest("memory", ["memory_mb", "timeout_s"])
    " (did you mean 'memory_mb'?)"
    >>> nearest("zebra", ["memory_mb"])
    ''
    """
    match = get_close_matches(word, list(known), n=1, cutoff=0.5) if isinstance(word, str) else []
    return f" (did you mean {match[0]!r}?)" if match else ""
