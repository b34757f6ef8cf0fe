"""Calls that moto does not have are refused aloud, in the service's own form of an error.

moto answers them with 500 and a page of HTML, which boto3 reports as an internal error of the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult

from chainkit.emulation.patching import patch

if TYPE_CHECKING:
    from chainkit.emulation.host import Host


class NotInEmulatorError(ServiceException):
    """Nothing answers this call."""

    code = "NotImplemented"


def install(_host: Host) -> None:
    """Answer a call that is not there with the code NotImplemented and a text that says which."""

    def call_action(response: Any) -> Any:
        try:
            return original(response)
        except NotImplementedError as error:
            call = f"{response.service_name}.{response._get_action()}"
            text = f"the emulator does not have {call} ({error or 'moto has not'}); nothing was done"
            return response.serialized(ActionResult(NotInEmulatorError(text)))

    original = patch("core.responses:BaseResponse.call_action", call_action)
