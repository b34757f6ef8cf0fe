"""What tests read back from text."""

import re


def numbers(text: str) -> list[float]:
    """Return all numbers of a text, in its order."""
    return [float(each.replace(",", "")) for each in re.findall(r"-?\d[\d,]*\.?\d*", text)]
