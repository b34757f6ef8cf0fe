"""Many designs on the same draws, in one tidy table: on threads of this machine, or on the workers of a Dask client.

A design is a chain, settings changed in it, and a load. A worker is sent those as plain dictionaries, with the seed:
draws belong to the request (simulation/draws.py), so whoever runs a design gets the same result to the last bit, and
what was lost with a worker is run again.
"""

import dataclasses
import inspect
import math
import os
import time
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Literal, Self

from chainkit.billing.bill import bill as bill_of
from chainkit.billing.prices import Prices, price_book
from chainkit.chain import Chain, as_chain
from chainkit.comparison import LOST
from chainkit.declared import IDENTITY, settings
from chainkit.errors import ChainkitError, ConfigError, MissingError, SimulationError, nearest
from chainkit.rewiring import Variant
from chainkit.simulation.loads import Load
from chainkit.simulation.run import Run, simulate

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

Point = dict[str, Any]
"""Which chain ("design"), which load ("load"), and what is changed ("settings": {"pay.memory_mb": 512})."""
Row = dict[str, float]

MOST_DESIGNS = 100_000
BLOCK_S = 1.0
"""How long a worker is busy with what it is sent at a time. Dask takes about a millisecond for each message, and a
worker may be twice as fast as this machine: blocks last half a second at least."""
TRIAL_REQUESTS = 20_000
FIGURES = ("mean", "p50", "p95", "p99")
GB_S_PRICES = ("lambda-gb-s-", "lambda-provisioned-duration-gb-s-")
"""How the prices of run time begin: memory x time, INIT included; not what is kept ready or stored."""
_OWN = ("chain", "load", "requests", "seed", "keep", "threads")
"""Parameters of `simulate` that a sweep gives itself."""


def sweep(
    designs: Chain | Variant | Mapping[str, Chain | Variant] | Sequence[Chain | Variant],
    grid: Mapping[str, Sequence[Any]] | Load | Mapping[str, Load],
    load: Load | Mapping[str, Load] | None = None,
    *,
    requests: int,
    seed: int,
    bill: bool = True,
    requests_per_month: float | None = None,
    free_tier: bool = False,
    threads: int | None = None,
    client: "Client | None" = None,
    **options: Any,
) -> "pd.DataFrame":
    """Return one row of figures per design, all under the same draws.

    A row equals what `simulate` gives for that design, whatever runs it: one thread, many, or a cluster.

    Parameters
    ----------
    designs : one chain; or several, by name or as a list
    grid : values to try: {"pay.memory_mb": [128, 512], "jobs>pay.batch_size": [1, 10]}
        Keys are a service or link of the chain, a dot and its setting; or "load." and a field of the load, or
        "load.rate_per_s", the mean rate of any traffic. Every combination is one design, the last key changing
        fastest. Left out where the designs themselves differ: ``sweep(designs, load, ...)``.
    load : one load; or several, by name, each of which every design gets
    requests, seed, **options : as for `simulate`, the same for all
    bill : whether a design is priced
    requests_per_month, free_tier : as for `bill`
    threads : designs that run at a time on this machine; None: one per processor
    client : a Dask client, on whose workers the designs run instead; chainkit has to be installed there

    Returns
    -------
    A table in the order of the designs. First what they differ in: ``design`` if there are several chains, a column
    per key of the grid, ``load`` if there are several. Then mean and percentiles of response and completion in
    seconds; ``lost_fraction`` of the requests (dropped, expired or dead-lettered) and ``failed_fraction`` (answered
    with an error, or throttled); ``cold_fraction`` of the invocations, ``throttles``, ``gb_s`` of all requests
    together, and ``usd_per_million`` requests.

        An interruption (Ctrl-C) ends the sweep after the designs that are under way. The designs that are done are
        returned, with a warning, and ``attrs["interrupted"]`` is True; if there are none, it is a KeyboardInterrupt.

    Raises
    ------
    ConfigError, WiringError
        If a name or value is refused, before anything runs; the text says which design.
    MissingError
        If Dask, or chainkit on its workers, is not installed.
    SimulationError
        If a design cannot be simulated, or ends its workers again and again.

    Notes
    -----
    On a cluster, results equal those of this machine to the last bit where its processors are of the same kind.

    Examples
    --------
    >>> import chainkit as ck
    >>> chain = ck.Chain("shop")
    >>> _ = chain.add(ck.LambdaFunction("pay", duration=0.25, init=0))
    >>> load = ck.Steady(rate_per_s=1)
    >>> table = ck.sweep(chain, {"pay.memory_mb": [512, 1769]}, load, requests=1_000, seed=1, latency=ck.no_latency)
    >>> table[["pay.memory_mb", "gb_s"]]
       pay.memory_mb        gb_s
    0            512  125.000000
    1           1769  431.884766
    """
    from chainkit.simulation.lower import hop_laws

    plan = _plan(designs, grid, load, {**options, "requests": requests, "seed": seed})
    plan.options["latency"] = hop_laws(options.get("latency"))  # read once
    if bill:
        books = {chain.region: price_book(chain.region) for chain in plan.chains.values()}
        plan = dataclasses.replace(plan, books=books, month=(requests_per_month, free_tier))
    plan.check()
    if client is None:
        found = _collected(_on_threads(plan, _as_threads(threads)), len(plan))
    else:
        found = _collected(_on_cluster(plan, _as_client(client)), len(plan))
    return plan.frame(found)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Everything that a sweep is made of."""

    chains: Mapping[str, Chain]
    loads: Mapping[str, Load]
    grid: Mapping[str, tuple[Any, ...]]
    options: dict[str, Any]
    """For `simulate`."""
    columns: tuple[Literal["design", "load"], ...] = ()
    """Which of the two the designs differ in."""
    books: Mapping[str, Prices] = dataclasses.field(default_factory=dict)
    """Price book by region; empty for no bill."""
    month: tuple[float | None, bool] = (None, False)

    def __len__(self) -> int:
        """Return how many designs there are."""
        return len(self.chains) * len(self.loads) * math.prod(map(len, self.grid.values()))

    def points(self) -> Iterator[Point]:
        """Yield the designs in the order of the table."""
        for name, values, load in product(self.chains, product(*self.grid.values()), self.loads):
            yield {"design": name, "settings": dict(zip(self.grid, values, strict=True)), "load": load}

    def label(self, point: Point) -> dict[str, Any]:
        """Return what says which design a point is."""
        first = {"design": point["design"]} if "design" in self.columns else {}
        last = {"load": point["load"]} if "load" in self.columns else {}
        return {**first, **point["settings"], **last}

    def built(self, point: Point) -> tuple[Chain, Load]:
        """Return the chain and the load of a design."""
        chain, load = self.chains[point["design"]].copy(), self.loads[point["load"]]
        changes: dict[str, dict[str, Any]] = {}
        for key, value in point["settings"].items():
            owner, _, field = key.rpartition(".")
            changes.setdefault(owner, {})[field] = value
        for owner, change in changes.items():
            if owner == "load" and owner not in chain.services:
                load = load.with_rate(change.pop("rate_per_s")) if "rate_per_s" in change else load
                load = dataclasses.replace(load, **change)
            else:
                chain.set(owner, **change)
        return chain, load

    def check(self) -> None:
        """Raise the first error of any design: before the first one runs rather than hours later."""
        if len(self) > MOST_DESIGNS:
            raise ConfigError(
                f"sweep: {len(self):,} designs are more than {MOST_DESIGNS:,}", fix="try fewer values of each setting"
            )
        for chain, key in product(self.chains.values(), self.grid):
            _require_setting(chain, self.loads, key)
        for point in self.points():
            with _Named(self.label(point)):
                self.built(point)[0].require_valid()

    def row(self, point: Point) -> Row:
        """Return the figures of one design."""
        with _Named(self.label(point)):
            chain, load = self.built(point)
            run = simulate(chain, load, threads=1, **self.options)
            figures = _figures(run)
            if self.books:
                per_month, free_tier = self.month
                book = self.books[chain.region]
                priced = bill_of(chain, run, requests_per_month=per_month, free_tier=free_tier, price_book=book)
                figures["usd_per_million"] = priced.usd_per_million
            return figures

    def frame(self, found: Mapping[int, Row]) -> "pd.DataFrame":
        """Return the table of the designs that are done."""
        import pandas as pd

        rows = [{**self.label(point), **found[k]} for k, point in enumerate(self.points()) if k in found]
        frame = pd.DataFrame(rows)
        frame.attrs = {
            "requests": self.options["requests"],
            "seed": self.options["seed"],
            "interrupted": len(found) < len(self),
        }
        return frame

    def to_plain(self) -> dict[str, Any]:
        """Return what a worker is sent: chains as plain dictionaries, and the ids of their links, by which draws go."""
        chains = {name: chain.to_plain() for name, chain in self.chains.items()}
        links = {name: [*self.chains[name].links][: len(plain["links"])] for name, plain in chains.items()}
        rest = {"columns": self.columns, "options": dict(self.options), "books": dict(self.books), "month": self.month}
        return {"chains": chains, "links": links, "loads": dict(self.loads), **rest}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the plan without its grid: a worker has its points."""
        chains = {}
        for name, design in plain["chains"].items():
            chains[name] = Chain.from_plain(design)
            chains[name].name_links(plain["links"][name])
        rest = {key: plain[key] for key in ("loads", "columns", "options", "books", "month")}
        return cls(chains=chains, grid={}, **rest)


class _Named:
    """Say which design a chainkit error raised inside is of."""

    def __init__(self, label: Mapping[str, Any]) -> None:
        self.label = label

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, ChainkitError):
            which = ", ".join(f"{name}={value!r}" for name, value in self.label.items()) or "the design"
            raise type(error)(f"sweep: {which}: {error.problem}", fix=error.fix) from None


def _figures(run: Run) -> Row:
    """Return the figures of one run."""
    summary, ledger = run.summary()["value"].to_dict(), run.ledger.to_dict()
    row = {}
    for what, which in product(("response", "completion"), FIGURES):
        row[f"{what}_{which}_s"] = summary.get(f"{what}_{which}_s", math.nan)
    row["lost_fraction"] = sum(ledger[outcome] for outcome in LOST) / run.requests
    row["failed_fraction"] = (ledger["failed"] + ledger["throttled"]) / run.requests
    pools = [pool for tally in run.tallies for pool in tally.pools.values()]
    cold_starts, invocations, throttles = (
        sum(pool[each] for pool in pools) for each in ("cold_starts", "invocations", "throttles")
    )
    row["cold_fraction"] = cold_starts / invocations if invocations else math.nan
    row["throttles"] = throttles
    row["gb_s"] = math.fsum(line.quantity for line in run.usage.lines if line.meter.price.startswith(GB_S_PRICES))
    return row


# --- what is asked for ---


def _plan(designs: Any, grid: Any, load: Any, options: dict[str, Any]) -> _Plan:
    """Return the plan of what `sweep` was given."""
    if load is None and (isinstance(grid, Load) or _are_loads(grid)):
        grid, load = {}, grid
    else:
        grid = _as_grid(grid)
    known = [name for name in inspect.signature(simulate).parameters if name not in _OWN]
    for name in options.keys() - {"requests", "seed", *known}:
        why = " (a sweep keeps no figures by request)" if name == "keep" else nearest(name, known)
        raise ConfigError(f"sweep: unknown option {name!r}{why}", fix=f"options: {', '.join(known)}")
    columns: list[Literal["design", "load"]] = []
    if isinstance(designs, Chain | Variant):
        chains = {"": as_chain(designs, "sweep")}
    else:
        columns.append("design")
        chains = _by_name(designs)
    if isinstance(load, Load):
        loads = {"": load}
    elif _are_loads(load):
        columns.append("load")
        loads = dict(load)
    else:
        raise ConfigError(
            f"sweep: load={load!r} is no traffic",
            fix='give ck.Poisson(rate_per_s=4), or several by name; rates to try go into the grid: "load.rate_per_s"',
        )
    return _Plan(chains=chains, loads=loads, grid=grid, options=options, columns=tuple(columns))


def _are_loads(thing: Any) -> bool:
    """Tell whether something gives loads their names."""
    return isinstance(thing, Mapping) and bool(thing) and all(isinstance(load, Load) for load in thing.values())


def _by_name(designs: Any) -> dict[str, Chain]:
    """Return several chains by name."""
    if isinstance(designs, Mapping):
        pairs = [*designs.items()]
    elif isinstance(designs, Sequence) and not isinstance(designs, str):
        chains = [as_chain(each, f"sweep: designs[{k}]") for k, each in enumerate(designs)]
        pairs = [(chain.name, chain) for chain in chains]
    else:
        raise ConfigError(f"sweep: designs={designs!r} are no chains", fix="give a chain, a list, or chains by name")
    named = {name: as_chain(each, f"sweep: {name!r}") for name, each in pairs}
    if not named or len(named) < len(pairs):
        twice = next((name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1), None)
        problem = "there is no design" if twice is None else f"two designs have the name {twice!r}"
        raise ConfigError(f"sweep: {problem}", fix='give chains by name: {"today": chain, "after": other}')
    return named


def _as_grid(grid: Any) -> dict[str, tuple[Any, ...]]:
    """Return the values of each setting, checked for form."""
    fix = 'write settings with a list of values each: {"pay.memory_mb": [128, 512]}'
    if not isinstance(grid, Mapping) or not all(isinstance(key, str) for key in grid):
        raise ConfigError(f"sweep: grid={grid!r} is no mapping of settings", fix=fix)
    if not grid:
        raise ConfigError("sweep: the grid is empty: there is nothing to try", fix=f"{fix}, or leave it out")
    for key, values in grid.items():
        is_listed = isinstance(values, Collection) and not isinstance(values, str | bytes | Mapping)
        if not is_listed and not hasattr(values, "tolist"):
            raise ConfigError(f"sweep: grid[{key!r}]={values!r} is no list of values", fix=fix)
        if len(values) == 0:
            raise ConfigError(f"sweep: grid[{key!r}] has no values: there is no design", fix=fix)
    # numpy's numbers are no plain ones, which services ask for; tolist() makes them so
    return {key: tuple(each.tolist() if hasattr(each, "tolist") else each) for key, each in grid.items()}


def _require_setting(chain: Chain, loads: Mapping[str, Load], key: str) -> None:
    """Raise unless a key of the grid names a setting."""
    owner, _, field = key.rpartition(".")
    owned: dict[str, Any] = {**chain.links, **chain.services}
    if owner == "load" and owner not in owned:
        for load in loads.values():
            names = list(dict.fromkeys(["rate_per_s", *(each.name for each in dataclasses.fields(load))]))
            if field not in names:
                raise ConfigError(
                    f"sweep: {key!r}: {type(load).__name__} has no field {field!r}{nearest(field, names)}",
                    fix=f"its fields: {', '.join(names)}",
                )
    elif owner not in owned:
        raise ConfigError(
            f"sweep: {key!r}: chain {chain.name!r} has no service or link {owner!r}{nearest(owner or key, owned)}",
            fix=f'write "name.setting"; names: {", ".join([*owned, "load"])}',
        )
    else:
        kind: Any = type(owned[owner])
        names = [each.name for each in settings(kind) if each.name not in IDENTITY]
        if field not in names:
            raise ConfigError(
                f"sweep: {key!r}: {owner!r} has no setting {field!r}{nearest(field, names)}",
                fix=f"its settings: {', '.join(names)}",
            )


# --- who runs it ---


def _collected(results: Iterable[tuple[int, Row]], designs: int) -> dict[int, Row]:
    """Return the rows, gathered behind a progress bar where it takes long (none under CI), until an interruption."""
    from tqdm.auto import tqdm

    found: dict[int, Row] = {}
    try:
        with tqdm(total=designs, desc="designs", delay=2, disable=bool(os.environ.get("CI"))) as bar:
            for k, row in results:
                found[k] = row
                bar.update()
    except KeyboardInterrupt:
        if not found:
            raise
        warnings.warn(f"sweep: interrupted; {len(found):,} of {designs:,} designs are in the table", stacklevel=3)
    return found


def _as_threads(threads: Any) -> int:
    """Return how many threads run."""
    most = os.cpu_count() or 1 if threads is None else threads
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= 1024:
        raise ConfigError(f"sweep: threads={threads!r} is outside 1..1024", fix="leave it out: one per processor")
    return most


def _on_threads(plan: _Plan, threads: int) -> Iterator[tuple[int, Row]]:
    """Yield place and row of each design, several at a time: the compiled machine lets go of Python's lock."""
    todo = enumerate(plan.points())
    pool = ThreadPoolExecutor(threads)
    try:
        running = {pool.submit(plan.row, point): k for k, point in islice(todo, 2 * threads)}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                place = running.pop(future)
                running |= {pool.submit(plan.row, point): k for k, point in islice(todo, 1)}
                yield place, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _on_cluster(plan: _Plan, client: "Client") -> Iterator[tuple[int, Row]]:
    """Yield place and row of each design as the workers of a Dask client finish them."""
    from distributed import KilledWorker, as_completed

    points, size = [*enumerate(plan.points())], _block_size(plan)
    # A task that gives it, not scattered data: Dask makes it again where its only holder is lost.
    plain: Any = client.submit(dict, plan.to_plain(), pure=False)
    futures = [client.submit(run_block, plain, points[k : k + size], pure=False) for k in range(0, len(points), size)]
    try:
        for future in as_completed(futures):
            yield from future.result()
    except KilledWorker as error:
        raise SimulationError(
            f"sweep: a block of {size:,} designs ended every worker that ran it: {error}",
            fix="see the workers' logs; most often their memory is too small for what is in flight",
        ) from error
    except ImportError as error:
        raise MissingError(
            f"sweep: the workers cannot import what they need: {error}", fix='there too: pip install "chainkit[dask]"'
        ) from error
    finally:
        client.cancel([plain, *futures])


def run_block(plain: Mapping[str, Any], points: Sequence[tuple[int, Point]]) -> list[tuple[int, Row]]:
    """Return place and row of some designs: what a worker runs."""
    plan = _Plan.from_plain(plain)
    return [(k, plan.row(point)) for k, point in points]


def _block_size(plan: _Plan) -> int:
    """Return how many designs keep a worker busy long enough, by a trial of the first one on this machine."""
    requests: int = plan.options["requests"]
    few = min(requests, TRIAL_REQUESTS) if isinstance(requests, int) else requests  # the trial says what is wrong
    trial = dataclasses.replace(plan, options={**plan.options, "requests": few})
    point = next(plan.points())
    trial.row(point)  # loads the compiled machine
    began = time.perf_counter()
    trial.row(point)
    seconds = (time.perf_counter() - began) * max(1, requests / TRIAL_REQUESTS)
    return max(1, math.ceil(BLOCK_S / seconds))


def _as_client(client: Any) -> "Client":
    """Return a Dask client, or say what is missing."""
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingError(
            f"sweep: client= needs Dask, and {error.name} is missing", fix='pip install "chainkit[dask]"'
        ) from error
    if not isinstance(client, Client) or client.asynchronous:
        raise ConfigError(
            f"sweep: client={client!r} is no Dask client that waits",
            fix='give distributed.Client("tcp://scheduler:8786"), or leave it out to use this machine',
        )
    return client
