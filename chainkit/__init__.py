"""Chainkit: design, simulate, price, compare, run and deploy chains of AWS Lambda functions.

``import chainkit as ck`` loads little; each name brings its module when it is first used.

=====================  ====================================
name                   file
=====================  ====================================
Chain, load            chain.py
example                examples.py
Operation, replay      operations.py
brings                 bringing.py
LambdaFunction         services/lambda_function.py
Part                   parts.py
HttpApi                services/http_api.py
SqsQueue               services/sqs_queue.py
SnsTopic               services/sns_topic.py
EventBus               services/event_bus.py
StateMachine           services/state_machine.py
LogNormal, Gamma,      distributions.py
Exponential,
Constant, Uniform,
Geometric,
Empirical, Mixture
Retry, sdk_retry,      wiring.py
CircuitBreaker
ProvisionedScaling,    readiness.py
Warmer
Poisson, Steady,       simulation/loads.py
ClosedLoop
Ramp, Spike,           simulation/rates.py
Calendar, Drawn
Bursts                 simulation/bursts.py
Replay                 simulation/replay.py
simulate, Run,         simulation/run.py
no_latency
bill, Bill, usage_of   billing/bill.py
price_book             billing/prices.py
estimate               billing/estimate.py
LambdaUse,             uses/functions.py
LambdaEdgeUse,
LambdaInstancesUse,
LambdaMicrovmUse
SqsUse, SnsUse,        uses/messages.py
EventBridgeUse
StepFunctionsUse,      uses/flows.py
ApiGatewayUse
DynamodbUse,           uses/stores.py
KinesisUse, S3Use
CloudWatchUse,         uses/watching.py
XrayUse
SecretsManagerUse,     uses/secrets.py
ParameterStoreUse,
KmsUse
VpcUse, TransferUse    uses/networks.py
PricedUse              uses/priced.py
transitions,           asl_transitions.py
Transitions
validate, Accuracy     validation/accuracy.py
template               templates.py
local                  deployment/emulated.py
aws                    deployment/accounts.py
policies, Policies     permissions/proof.py
local, emulator        deployment/emulated.py
plan, Plan             deployment/plan.py
deploy, stack, Stack   deployment/stack.py
Logs, LogLine,         deployment/log_lines.py
LogsQuery
Measured               deployment/measured.py
SideBySide             deployment/predicted.py
DeadLetters            deployment/dead_letters.py
agreement, Agreement   deployment/agreeing.py
variants               rewiring/offering.py
Fault, Faults          faults/description.py
check                  checks/check.py
Finding, Findings      checks/findings.py
compare, Comparison,   comparison.py
beside
Verdict                verdicts.py
cost_at_scale,         scaling.py
CostCurve
pareto, Front          fronts.py
sentence               sentences.py
sensitivity,           swings.py
Sensitivity
decision, Decision     deciding.py
calibrate,             calibration/calibrate.py
Calibration
sweep                  sweeps.py
memory_curve,          sizing/memory_curves.py
FunctionCurve
power_tuning_input,    sizing/power_tuning.py
write_power_tuning
read_power_tuning,     calibration/tunings.py
PowerTuning
right_size, Sizing     sizing/right_sizing.py
provisioned_rules      sizing/ready.py
breaking_point,        breaking.py
BreakingPoint
plot                   figures/drawing.py
export                 exporting.py
Designer               widgets/designer.py
FormPanel,             widgets/forms.py
FiguresPanel,          widgets/figures_panel.py
TrafficPanel,          widgets/traffic.py
ComparePanel,          widgets/comparing.py
CostPanel,             widgets/costing.py
SlidersPanel,          widgets/sliders.py
SizingPanel,           widgets/sizing.py
MachinePanel,          widgets/machine.py
DeployPanel,           widgets/deploying.py
FaultsPanel,           widgets/faulting.py
DeadLettersPanel,      widgets/dead_letters.py
HistoryPanel,          widgets/history.py
OpenPanel              widgets/opening.py
Span, Trace, Usage     records.py
ChainkitError,         errors.py
ConfigError,
WiringError,
DesignFileError,
SimulationError,
PriceMissingError,
TemplateError,
DeployError
=====================  ====================================
"""

from importlib import import_module
from typing import Any

from chainkit.loading import undisturbed

_HOMES = {
    "chain": ("Chain", "load"),
    "examples": ("example",),
    "operations": ("Operation", "replay"),
    "bringing": ("brings",),
    "services.lambda_function": ("LambdaFunction",),
    "parts": ("Part",),
    "services.http_api": ("HttpApi",),
    "services.sqs_queue": ("SqsQueue",),
    "services.sns_topic": ("SnsTopic",),
    "services.event_bus": ("EventBus",),
    "services.state_machine": ("StateMachine",),
    "distributions": ("LogNormal", "Gamma", "Exponential", "Constant", "Uniform", "Geometric", "Empirical",
        "Mixture"),
    "wiring": ("Retry", "sdk_retry", "CircuitBreaker"),
    "readiness": ("ProvisionedScaling", "Warmer"),
    "simulation.loads": ("Poisson", "Steady", "ClosedLoop"),
    "simulation.rates": ("Ramp", "Spike", "Calendar", "Drawn"),
    "simulation.bursts": ("Bursts",),
    "simulation.replay": ("Replay",),
    "simulation.run": ("simulate", "Run", "no_latency"),
    "billing.bill": ("bill", "Bill", "usage_of"),
    "billing.prices": ("price_book",),
    "billing.estimate": ("estimate",),
    "uses.functions": ("LambdaUse", "LambdaEdgeUse", "LambdaInstancesUse", "LambdaMicrovmUse"),
    "uses.messages": ("SqsUse", "SnsUse", "EventBridgeUse"),
    "uses.flows": ("StepFunctionsUse", "ApiGatewayUse"),
    "uses.stores": ("DynamodbUse", "KinesisUse", "S3Use"),
    "uses.watching": ("CloudWatchUse", "XrayUse"),
    "uses.secrets": ("SecretsManagerUse", "ParameterStoreUse", "KmsUse"),
    "uses.networks": ("VpcUse", "TransferUse"),
    "uses.priced": ("PricedUse",),
    "asl_transitions": ("transitions", "Transitions"),
    "validation.accuracy": ("validate", "Accuracy"),
    "templates": ("template",),
    "deployment.accounts": ("aws",),
    "permissions.proof": ("policies", "Policies"),
    "deployment.emulated": ("local", "emulator"),
    "deployment.plan": ("plan", "Plan"),
    "deployment.stack": ("deploy", "stack", "Stack"),
    "deployment.log_lines": ("Logs", "LogLine", "LogsQuery"),
    "deployment.measured": ("Measured",),
    "deployment.predicted": ("SideBySide",),
    "deployment.dead_letters": ("DeadLetters",),
    "deployment.agreeing": ("agreement", "Agreement"),
    "rewiring.offering": ("variants",),
    "faults.description": ("Fault", "Faults"),
    "checks.check": ("check",),
    "checks.findings": ("Finding", "Findings"),
    "comparison": ("compare", "Comparison", "beside"),
    "verdicts": ("Verdict",),
    "scaling": ("cost_at_scale", "CostCurve"),
    "fronts": ("pareto", "Front"),
    "sentences": ("sentence",),
    "swings": ("sensitivity", "Sensitivity"),
    "deciding": ("decision", "Decision"),
    "calibration.calibrate": ("calibrate", "Calibration"),
    "sweeps": ("sweep",),
    "sizing.memory_curves": ("memory_curve", "FunctionCurve"),
    "sizing.power_tuning": ("power_tuning_input", "write_power_tuning"),
    "calibration.tunings": ("read_power_tuning", "PowerTuning"),
    "sizing.right_sizing": ("right_size", "Sizing"),
    "sizing.ready": ("provisioned_rules",),
    "breaking": ("breaking_point", "BreakingPoint"),
    "figures.drawing": ("plot",),
    "exporting": ("export",),
    "widgets.designer": ("Designer",),
    "widgets.forms": ("FormPanel",),
    "widgets.figures_panel": ("FiguresPanel",),
    "widgets.traffic": ("TrafficPanel",),
    "widgets.comparing": ("ComparePanel",),
    "widgets.costing": ("CostPanel",),
    "widgets.sliders": ("SlidersPanel",),
    "widgets.sizing": ("SizingPanel",),
    "widgets.machine": ("MachinePanel",),
    "widgets.deploying": ("DeployPanel",),
    "widgets.faulting": ("FaultsPanel",),
    "widgets.dead_letters": ("DeadLettersPanel",),
    "widgets.history": ("HistoryPanel",),
    "widgets.opening": ("OpenPanel",),
    "records": ("Span", "Trace", "Usage"),
    "errors": (
        "ChainkitError", "ConfigError", "WiringError", "DesignFileError", "SimulationError", "PriceMissingError",
        "TemplateError", "DeployError",
    ),
}  # fmt: skip
_FILE = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_FILE)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _FILE:
        raise AttributeError(f"module 'chainkit' has no attribute {name!r}")
    with undisturbed():
        value = getattr(import_module(f"chainkit.{_FILE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
