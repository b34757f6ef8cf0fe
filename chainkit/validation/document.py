"""The accuracy table as docs/ACCURACY.md."""

from chainkit.validation.accuracy import HEAD, TITLES, WORDS, Accuracy, cells

REMARKS = {
    "V1": (
        "Each run starts without environments and lasts 1e6 s, as the published ones do. Arrivals are Poisson, "
        "durations exponential, and a cold invocation takes a duration of its own instead of the warm one."
    ),
    "V3": (
        "The published values are from simulations and have an error that is not printed; 0.2 % is taken for it. "
        "Where the cold share is small that is too little: a share of 0.11 that is known to 0.2 % takes about "
        "three million requests. A direct simulation in `tests/validation/test_cold_starts.py`, which shares "
        "nothing with the machine, agrees with ours in every cell."
    ),
    "V4": "The closed form is for a settled system, so the first tenth of each run is left out there.",
    "V6": (
        "Poisson arrivals at the rates of AWS's log, durations exponential with its means, 600 s of keep-alive. "
        "Single rows have no line: most are further from AWS's figure than its own error, as the authors' model "
        "is. AWS's fleet reclaims environments by rules that nobody outside knows."
    ),
    "V8": (
        "The law, half of a fleet after each 380 s, was read off the same experiment, so this tests the mechanism "
        "and not the constant. AWS halves the fleet as a whole: it left 10 of 20 nearly every time, whereas lives "
        "here are drawn one by one, so that 10 is a mean. It also rounded upwards, 2.8 where a third halving "
        "leaves 2.5."
    ),
    "V9": (
        "Durations are quantile tables of the functions' own logs, in ten blocks by time; ours has the interval "
        "that the ten blocks leave open. A task's overhead is the 18.8 ms of the authors, an execution's start is "
        "in it. Costs are those of the functions, by steps of 100 ms as in 2020."
    ),
    "V10": (
        "The same, with the default overheads of `data/latency.json`. Three logs: the profiling run of the "
        "authors before the executions, which is what the published case starts from, the functions' whole log of "
        "the executions themselves, and its first 250 rows beside the first 250 executions. Successive durations "
        "resemble each other (correlation up to 0.7), so both sides have intervals by blocks. Costs are those of "
        "the functions; transitions are not in the published ones. The profile's functions ran up to 3 % longer "
        "than those of the executions (see the cost, in which no overhead is), which hides that the default "
        "overheads are too short by about 13 ms an execution: in the authors' separate traces of overheads the "
        "first task of an execution takes 21.7 ms where later ones take 14.9, and 6 ms lie between states."
    ),
    "V11": (
        "One duration, measured at the size nearest to one whole virtual CPU (1,769 MB), is carried to the others "
        "by `cpu_fraction=1`."
    ),
    "V12": (
        "Refusals are those of a reserved concurrency, queues are SQS queues with a maximum concurrency. AWS "
        "allows none below 2, so a single server is a mapping of two of which the first message keeps one busy to "
        "the end of the run."
    ),
}
"""What to know before believing the rows of a case."""


def as_markdown(accuracy: Accuracy) -> str:
    """Return the table as a document.

    >>> from chainkit.validation.accuracy import validate
    >>> as_markdown(validate("V11")).splitlines()[0]
    '# Accuracy'
    """
    counts = ", ".join(f"{count} {word}" for word, count in accuracy.counts.items() if count)
    lines = [
        "# Accuracy",
        "",
        "Predictions beside what was published, measured on AWS, or is known exactly. Written by `python -m chainkit",
        "validate --write docs/ACCURACY.md`; equal versions write equal tables. `ck.validate()` gives the same as a",
        "table in a notebook. What the predictions start from is in `data/validation/`, with its sources.",
        "",
        f"{len(accuracy.rows)} figures: {counts}.",
        "",
        *(f"* **{word}**: {meaning}." for word, meaning in WORDS.items() if accuracy.counts[word]),
        "",
        "Intervals are of 95 %: ours over independent replications, or over blocks of a log. *3 errors*: the two may",
        "be three standard errors apart, theirs and ours together.",
    ]
    seen = set()
    for case, source, rows in accuracy.sections():
        if case not in seen:
            lines += ["", f"## {case}: {TITLES[case]}", "", REMARKS[case]]
            seen.add(case)
        lines += ["", f"{source[0].upper()}{source[1:]}:", "", _line(HEAD), _line(["---"] + ["---:"] * (len(HEAD) - 1))]
        lines += [_line(cells(row)) for row in rows]
    return "\n".join(lines) + "\n"


def _line(texts: tuple[str, ...] | list[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(texts)} |"
