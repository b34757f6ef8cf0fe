"""Step Functions: what is refused when a state machine is created or changed, and how refusals are named.

moto reads a definition by its grammar alone, and forgets the name of most of Step Functions' errors on the way out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chainkit.emulation.definitions import refusals
from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from chainkit.emulation.host import Host

_BACKEND = "stepfunctions.parser.models:StepFunctionsParserBackend"


def repair(_host: Host) -> None:
    """Check definitions as AWS does, and give errors their names."""

    def create(backend: Any, name: str, definition: str, *positional: Any, **options: Any) -> Any:
        backend._validate_definition(definition=definition)  # its shape, before its meaning
        _check(definition, options.get("sm_type"))
        return original_create(backend, name, definition, *positional, **options)

    def update(backend: Any, arn: str, definition: str | None = None, *positional: Any, **options: Any) -> Any:
        if definition is not None:
            backend._validate_definition(definition=definition)
            _check(definition, backend.describe_state_machine(arn).type)
        return original_update(backend, arn, definition, *positional, **options)

    def name_error(
        error: Any, message: str | None = None, exception_type: str | None = None, status: int | None = None
    ) -> None:
        code = getattr(type(error), "code", None)
        kind = exception_type or error.TYPE or (code if isinstance(code, str) else None)
        original_error(error, kind if message is None else message, kind, status)

    original_create = patch(f"{_BACKEND}.create_state_machine", create)
    original_update = patch(f"{_BACKEND}.update_state_machine", update)
    original_error = patch("core.exceptions:AWSError.__init__", name_error)


def _check(definition: str, kind: str | None) -> None:
    from moto.stepfunctions.parser.api import InvalidDefinition

    if found := refusals(json.loads(definition), is_express=kind == "EXPRESS"):
        raise InvalidDefinition(message=f"Invalid State Machine Definition: '{', '.join(found)}'")
