"""Traces in the forms that other tools read, predicted and measured alike.

====================  ==================================================================================
nesting.py            which span led to which: the caller's, by the links and the times
identity.py           ids and the instant at which a request began, reproducible
xray.py               segment documents of AWS X-Ray
otel.py               OTLP/JSON of OpenTelemetry
====================  ==================================================================================

Below the records: a `Trace` is read, not made, here.
"""
