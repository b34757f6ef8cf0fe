"""Figures: the only home of matplotlib.

=================  ===========================================================================================
drawing.py         `plot`: which thing is drawn how; bills, comparisons, calibrations, loads
chains.py          a chain: frames, cards and wires, and the PNG of it
waterfall.py       one request's story
runs.py            percentiles of a run, where the time goes, where a chain breaks
decisions.py       cost by volume, time against cost, how far figures swing
timelines.py       a run over time
style.py           what all share
=================  ===========================================================================================
"""
