"""The simulator: chain -> program -> virtual machine -> run.

===================  ============================================================================================
draws.py             draws that belong to the request, and the tables that they go through
loads.py             when requests arrive: what a load is, and those of one rate
rates.py             loads whose rate changes by plan: ramp, spike, calendar
bursts.py            loads whose rate changes at random
replay.py            traces; trace_files.py reads them
lower.py             chain -> program: where requests enter, pools, buffers, fan-outs
lower_links.py       what every node needs: rows of pools and buffers, places, hops, quotas
lower_calls.py       what a node's code does: steps, calls, hand-overs, filters
lower_pieces.py      the parts of a function
lower_states.py      the states of a state machine
assembler.py         rows with labels, sites, tables, counters
kernel.py            the event loop, compiled
primitives.py        what it works on: the layout of frames, pools and buffers, draws, heap, histograms
stations.py          what it asks on its way: idle environments, quotas, circuit breakers
compiled.py          forgets compiled code that was made of other sources
memory.py            the memory of one replication, how it grows, what it counted
keepers.py           what tends pools by the clock: provisioned environments, warmers
machine.py           one replication: gives the kernel its arrivals
many.py              draws of many requests at a time
levels.py            a second way to run a program, without an event queue, where that is proven to give the same
levels_plan.py       whether and how a program can be run so; levels_kernel.py, levels_memory.py, levels_walk.py and
                     levels_ways.py are the compiled code that does it
run.py               `simulate` and `Run`: what users see
progress.py          runs the replications, shows how far they are, keeps what is done when interrupted
intervals.py         how sure a run is of its figures
tables.py            outcomes, services, usage
series.py            a run over time
lives.py             what was written down about requests -> lives and critical paths
stories.py           one request's lives -> a trace
visits.py            a sample of requests -> how long a visit of each service takes, how often each link is tried
blame.py             many requests' paths -> where the time goes
===================  ============================================================================================

What happens in a run, rule by rule, stands in ARCHITECTURE.md; tests/simulation holds it equal to a slow twin on SimPy.
"""
