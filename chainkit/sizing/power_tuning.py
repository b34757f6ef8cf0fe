"""AWS Lambda Power Tuning, written: inputs that tune every function of a chain, and curves as results in its form.

Sources  [1] alexcasalboni/aws-lambda-power-tuning, README-EXECUTE.md: input parameters (4.4.0, 2025)
Checked  2026-11-27
"""

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from chainkit.calibration.tunings import STRATEGIES, PowerTuning, Strategy
from chainkit.chain import Chain, as_chain
from chainkit.errors import ConfigError, nearest
from chainkit.sizing.memory_curves import FunctionCurve, is_function

POWER_VALUES = (128, 256, 512, 1024, 1536, 1769, 3008)
"""Power Tuning's default sizes, MB, and 1,769, where a thread has a whole vCPU."""
FEWEST_RUNS = 5
"""Invocations for each size that Power Tuning asks for; [1]."""


def power_tuning_input(
    chain: Chain,
    *,
    account: str,
    sizes: Sequence[int] = POWER_VALUES,
    num: int = 50,
    payload: Any = None,
    strategy: Strategy = "cost",
    balanced_weight: float = 0.5,
    parallel: bool = False,
    folder: str | PathLike[str] | None = None,
    **parameters: Any,
) -> dict[str, dict[str, Any]]:
    """Return the input of a Power Tuning execution for every function of a chain: name -> input.

    Parameters
    ----------
    chain : its functions are named as its template names them, CHAIN-FUNCTION
    account : twelve digits
    sizes : `powerValues`, MB, 128..10240
    num : invocations for each size, 5 or more; 10 to 100 are recommended [1]
    payload : for all functions, or by name: {"pay": {"order": 1}}; weighted ones as Power Tuning takes them
    strategy, balanced_weight : which size it recommends; `balanced_weight` 0 is speed, 1 is cost
    parallel : whether the invocations run at once, so that most of them are cold starts
    folder : where each input is also written, as NAME.json; None: nowhere
    **parameters : anything else that Power Tuning takes: autoOptimize=True, preProcessorARN=...

    Raises
    ------
    ConfigError
        If the chain has no function, or a value is one that Power Tuning would refuse.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> _ = chain.add(ck.LambdaFunction("pay"))
    >>> power_tuning_input(chain, account="123456789012", payload={"order": 1})["pay"]["lambdaARN"]
    'arn:aws:lambda:us-east-1:123456789012:function:shop-pay'
    """
    chain = as_chain(chain, "power_tuning_input")
    names = [name for name, service in chain.services.items() if is_function(service)]
    for problem, fix in _problems(names, account, sizes, num, strategy, balanced_weight):
        raise ConfigError(f"power_tuning_input: {problem}", fix=fix)
    inputs = {}
    for name in names:
        inputs[name] = {
            "lambdaARN": f"arn:aws:lambda:{chain.region}:{account}:function:{chain.name}-{name}",
            "powerValues": [int(size) for size in sizes],
            "num": num,
            "payload": _payload(payload, name, names),
            "parallelInvocation": parallel,
            "strategy": strategy,
            **({"balancedWeight": balanced_weight} if strategy == "balanced" else {}),
            "includeOutputResults": True,  # so that the output holds every size, not the best one alone
            **parameters,
        }
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, given in inputs.items():
            _write(Path(folder) / f"{name}.json", given)
    return inputs


def write_power_tuning(
    curve: FunctionCurve | PowerTuning,
    path: str | PathLike[str] | None = None,
    *,
    strategy: Strategy = "cost",
    balanced_weight: float = 0.5,
) -> dict[str, Any]:
    """Return a curve as a Power Tuning result, in the form of its state machine's output; also as a file.

    Parameters
    ----------
    curve : of `memory_curve`, or a result that was read
    path : file to write; None: none
    strategy, balanced_weight : by which the recommended size is chosen

    Raises
    ------
    ConfigError
        If it is no curve, or the strategy is unknown.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> _ = chain.add(ck.LambdaFunction("pay", memory_mb=512, duration=0.25, cpu_fraction=1.0))
    >>> result = write_power_tuning(ck.memory_curve(chain, "pay", [512, 1024]), strategy="speed")
    >>> result["power"], result["duration"], [each["value"] for each in result["stats"]]
    (1024, 125.0, [512, 1024])
    """
    tuning = curve.power_tuning() if isinstance(curve, FunctionCurve) else curve
    if not isinstance(tuning, PowerTuning):
        problem = f"write_power_tuning: {curve!r} is no curve"
        raise ConfigError(problem, fix='give ck.memory_curve(chain, "pay"), or what ck.read_power_tuning gave')
    result = tuning.to_plain(strategy, balanced_weight)
    if path is not None:
        _write(Path(path), result)
    return result


def _problems(
    names: Sequence[str], account: Any, sizes: Any, num: Any, strategy: Any, weight: Any
) -> list[tuple[str, str]]:
    """Return what Power Tuning would refuse, and what to do."""
    found = []
    if not names:
        found.append(("the chain has no function to tune", "add one"))
    if not isinstance(account, str) or len(account) != 12 or not account.isdigit():
        found.append((f"account={account!r} is no AWS account", 'give its twelve digits as text: "123456789012"'))
    is_listed = isinstance(sizes, list | tuple) and bool(sizes)
    if not is_listed or not all(type(size) is int and 128 <= size <= 10_240 for size in sizes):
        found.append((f"sizes={sizes!r} are not all MB in 128..10240", "give whole numbers: [128, 512, 1769]"))
    if type(num) is not int or num < FEWEST_RUNS:
        found.append((f"num={num!r} is below {FEWEST_RUNS}", "give 10 to 100 invocations for each size"))
    if strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        found.append((f"strategy={strategy!r} is unknown{nearest(strategy, STRATEGIES)}", f"strategies: {known}"))
    if not isinstance(weight, int | float) or not 0 <= weight <= 1:
        found.append((f"balanced_weight={weight!r} is outside 0..1", "give 0 for speed, 1 for cost"))
    return found


def _payload(payload: Any, name: str, names: Sequence[str]) -> Any:
    """Return a function's payload: its own, or the one for all."""
    is_by_name = isinstance(payload, Mapping) and bool(payload) and set(payload) <= set(names)
    chosen = payload.get(name) if is_by_name else payload
    return {} if chosen is None else chosen


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
