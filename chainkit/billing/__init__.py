"""What a chain costs.

============  ========================================================================
prices.py     the price book: list prices with tiers, free parts and their sources
account.py    quantities of a month x prices: the lines of a bill
bill.py       a chain's usage = a bill; usage that is typed in
estimate.py   a bill of uses that are typed in, without a chain
statement.py  a bill as text: its table, and the story of a line
tariffs.py    the bill at every volume at once
============  ========================================================================
"""
