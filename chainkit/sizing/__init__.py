"""How large to make what a chain is of: memory against time and money, and the cheapest design under a limit.

=================  =============================================================================================
file               what it is
=================  =============================================================================================
memory_curves.py   one function over memory sizes: duration, cold start, dollars; and the chain with each size
power_tuning.py    inputs for AWS Lambda Power Tuning, and results in its form (calibration/tunings.py reads them)
choices.py         what can be chosen in a chain, and the designs that choices make
search.py          which choices are best: all combinations, or guided by a linear model where there are too many
right_sizing.py    the public verb, and the record that it gives back
ready.py           rules of thumb for provisioned concurrency beside what spills over
=================  =============================================================================================
"""
