"""Figures: the only home of matplotlib.

=================  ===========================================================================================
drawing.py         `plot`: which thing is drawn how; chains, bills, comparisons, calibrations, loads
waterfall.py       one request's story
runs.py            percentiles of a run, where the time goes, where a chain breaks
timelines.py       a run over time
style.py           what all share
=================  ===========================================================================================
"""
