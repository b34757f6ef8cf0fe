"""What a chain costs.

==========  =====================================================================
prices.py   the price book: list prices with tiers, free parts and their sources
bill.py     usage x prices = a bill, and usage that is typed in
tariffs.py  the bill at every volume at once
==========  =====================================================================
"""
