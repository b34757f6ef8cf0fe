"""Who may do what in a deployed chain, proved without AWS: its documents, the calls of its links, IAM's evaluation.

============  ====================================================================================
evaluator.py  IAM's rules: a request, the documents that apply, and what they decide
policy.py     the documents of a chain: roles and resource policies, every reference an ARN
calls.py      what each link calls at run time, by whom, on what, with which context
unused.py     what was granted beside what IAM Access Analyzer found unused
proof.py      `policies`: each call is allowed, each statement is needed, all else is refused
============  ====================================================================================

What a link needs is written twice, apart: as grants in the links and services, and as calls in data/permissions.json
with what code, integrations and tasks do. The proof holds one against the other.
"""
