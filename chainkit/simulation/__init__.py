"""The simulator: chain -> program -> virtual machine -> run.

===================  ============================================================================================
draws.py             draws that belong to the request, and the tables that they go through
loads.py             when requests arrive: what a load is, and those of one rate
rates.py             loads whose rate changes by plan: ramp, spike, calendar
bursts.py            loads whose rate changes at random
replay.py            traces; trace_files.py reads them
lower.py             chain -> program: where requests enter, pools, buffers, fan-outs
lower_calls.py       what a node's code does: steps, calls, hand-overs, filters
lower_states.py      the states of a state machine
assembler.py         rows with labels, sites, tables, counters
kernel.py            the event loop, compiled
primitives.py        the memory it works on: frames, pools, buffers, heap, histograms
machine.py           gives the kernel memory and arrivals, reads what it counted
run.py               `simulate` and `Run`: what users see
stories.py           one request's rows -> a trace
===================  ============================================================================================

What happens in a run, rule by rule, stands in ARCHITECTURE.md; tests/simulation holds it equal to a slow twin on SimPy.
"""
