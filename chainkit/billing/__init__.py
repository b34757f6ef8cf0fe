"""What a chain costs.

=============  ==========================================================================
prices.py      the price book: list prices with tiers, free parts and their sources
offers.py      AWS's public price list: which product is which price, what a file says
refreshing.py  prices read anew from that list, into a price file of the user's own
bill.py        usage x prices = a bill, and usage that is typed in
=============  ==========================================================================
"""
