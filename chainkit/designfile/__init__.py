"""The design file, `*.chain.yaml`: plain dictionaries in and out, comments kept, file and line for every error.

===========  ===============================================================================
reading.py   text -> plain values and their places; refuses what cannot be read as a chain
writing.py   plain values -> text: changes the places whose values changed, and nothing else
schema.py    the same file as a JSON Schema, made from the fields of services, links and laws
===========  ===============================================================================
"""

from chainkit.designfile.reading import Document, Where, read
from chainkit.designfile.schema import schema, write_schema
from chainkit.designfile.writing import write

__all__ = ["Document", "Where", "read", "schema", "write", "write_schema"]
