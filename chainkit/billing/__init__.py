"""What a chain costs.

=============  ========================================================================
prices.py      the price book: list prices with tiers, free parts and their sources
offers.py      AWS's public price list: which product is which price, what a file says
refreshing.py  prices read anew from that list, into a price file of the user's own
account.py     quantities of a month x prices: the lines of a bill
bill.py        a chain's usage = a bill; usage that is typed in
estimate.py    a bill of uses that are typed in, without a chain
statement.py   a bill as text: its table, and the story of a line
tariffs.py     the bill at every volume at once
=============  ========================================================================
"""
