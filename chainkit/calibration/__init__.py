"""What logs say about a function or a state machine: laws, memory curve, overheads, with intervals and sources.

`ck.calibrate(files)` reads; the `Calibration` it gives back prints what was read and gives settings for a chain.

=================  =============================================================================================
file               what it is
=================  =============================================================================================
intake.py          what is read: runs, tasks, refusals; how much of a huge file is kept
report_lines.py    REPORT lines as text and JSON, and the wrappings that CloudWatch puts around them
tables.py          CSV: Logs Insights, rows of runs, per-request measurements, task times
histories.py       Step Functions histories, from GetExecutionHistory or an Express log
reading.py         files, text and objects -> intake: what it is is recognised
estimates.py       intervals, effective numbers of runs, mean-keeping tables, shrinkage to priors
environments.py    what environments share: autocorrelation, speed factor, instances, keep-alive
memory.py          T = io + cpu / min(memory, 1769)
tunings.py         results of AWS Lambda Power Tuning, read and written
modes.py           first runs against warm ones; two modes and their reason
overheads.py       what a state machine adds to its tasks
assembly.py        intake -> figures of one function
drawing.py         points and lines for `ck.plot`
calibrate.py       the public verb, and the record that it gives back
=================  =============================================================================================
"""
