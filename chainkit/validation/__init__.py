"""Predictions beside what was published, measured on AWS, or is known exactly.

===================  ============================================================================================
accuracy.py          `validate`: every case, as a table
rows.py              a row of that table; how far apart two figures may be
cold_starts.py       V1, V3, V6, V8: cold starts, environments, how long idle ones live
limits.py            V4, V11, and of V12 what is refused: concurrency, pollers, quotas; memory
workflows.py         V9, V10: workflows measured on AWS
flows.py             the shape of a workflow -> its state language
queues.py            V12: a queue with pollers against M/M/c, M/D/1, fork-join
laws.py              V12: forks, loops, chains of calls, arithmetic of rules
formulas.py          closed forms
workers.py           the function that most cases are about
document.py          the table as docs/ACCURACY.md
===================  ============================================================================================

What a prediction starts from is in data/validation/, with its source. No figure here comes from the results.
"""
