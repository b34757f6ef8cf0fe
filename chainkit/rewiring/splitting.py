"""Splitting: the parts of a function become functions of their own, called in turn."""

from dataclasses import replace

from chainkit.chain import Chain
