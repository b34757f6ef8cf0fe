"""Prices read anew from AWS's public price list: fetched or saved files in, a price file of the user's own out.

Nothing is fetched unless somebody asks for it. What the list does not give stays as it was. A price that would become
zero, stop being zero, or move by ten times or more, is more likely a product taken for another: it is held back
until somebody has looked at it.
"""

import datetime as dt
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from textwrap import fill
from typing import Any

from chainkit import data
from chainkit.billing.offers import LIST_URL, OFFERS, PRODUCTS, Listed, Offer, from_csv, from_json, listed
from chainkit.billing.prices import Price, Prices, from_entry, price_book
from chainkit.errors import ConfigError
from chainkit.units import plain

_NAT = "AmazonEC2"
"""The offer with NAT gateways: 300 MB, read line by line and only if asked for."""
_IS_NAT = re.compile(rf'"offercode"\s*[:,]\s*"{_NAT}"', re.IGNORECASE)
_FACTOR = 10.0
_KNOWN = {product.key for product in PRODUCTS}


@dataclass(frozen=True)
class Change:
    """One price as it was and as the list has it."""

    before: Price | None
    """None where the region had none."""
    after: Price

    def __str__(self) -> str:
        """Return the change as a line."""
        before = self.before.tiers_text() if self.before else "none"
        return f"{self.after.key}: {before} -> {self.after.tiers_text()} USD per {self.after.unit}"


@dataclass(frozen=True)
class Renewal:
    """What the list says of one region, beside what was there."""

    region: str
    changed: tuple[Change, ...]
    same: tuple[Price, ...]
    """Read, and as they were; their source and date are new."""
    held: tuple[Change, ...]
    """Zero or ten times off: not taken."""
    kept: Mapping[str, str]
    """By key, why a price stays as it was."""

    @property
    def taken(self) -> dict[str, Price]:
        """Prices of the new file, by key."""
        return {price.key: price for price in [*(change.after for change in self.changed), *self.same]}

    def __str__(self) -> str:
        """Return what was done, for people: changes, what waits for a yes, what stays and why."""
        lines = [f"{self.region}: {len(self.taken)} prices read, {len(self.changed)} of them new or changed"]
        lines += [f"  {change}" for change in self.changed]
        lines += [f"  held back, zero or ten times off, --yes takes it: {change}" for change in self.held]
        for reason in dict.fromkeys(self.kept.values()):
            keys = [key for key, why in self.kept.items() if why == reason]
            text = f"as they were, {reason}: {', '.join(keys)}"
            lines += fill(text, 118, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False).split("\n")
        return "\n".join(lines)


def renewal(offers: Sequence[Offer], region: str, *, yes: bool = False) -> Renewal:
    """Return what files of the price list would change in one region's prices; nothing is written.

    Parameters
    ----------
    offers : files that were read
    region : AWS region code
    yes : whether prices are taken too that would be zero or are ten times off

    Raises
    ------
    ConfigError
        If no file has a price of this region, or one is in another layout.
    """
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z]+)+-\d+", region):
        raise ConfigError(f"prices: region={region!r} is no region of AWS", fix="name it like eu-west-1")
    found, refused = listed(offers, region)
    if not found:
        codes = ", ".join(sorted({offer.code for offer in offers})) or "none"
        raise ConfigError(
            f"prices: the files that were read ({codes}) have no price of region {region!r} that is known here",
            fix=f"the codes are {', '.join(OFFERS)}",
        )
    present = price_book(region).by_key if region in data.price_regions() else {}
    pattern = price_book("us-east-1").by_key
    changed, same, held = [], [], []
    for key, each in found.items():
        model = present.get(key) or pattern.get(key) or _model(key)
        if model is None:
            refused[key] = "for want of a price elsewhere that gives its unit"
            continue
        try:
            change = Change(present.get(key), _renewed(model, each))
        except ConfigError as error:
            refused[key] = f"the list's is refused: {error.problem}"
            continue
        if not yes and _is_doubtful(model, change.after):
            held.append(change)
        elif change.before is not None and _figures(change.before) == _figures(change.after):
            same.append(change.after)
        else:
            changed.append(change)
    kept = dict.fromkeys((key for key in present if key not in found), "not in the files that were read")
    kept |= dict.fromkeys((key for key in present if key not in _KNOWN), "not known in AWS's list")
    return Renewal(region, tuple(changed), tuple(same), tuple(held), kept | refused)


def write(renewed: Renewal, folder: Path, *, today: dt.date) -> Path:
    """Write the prices that were taken to a region's file and return its path; other prices of the file stay.

    Parameters
    ----------
    renewed : what to write
    folder : is made if it is not there
    today : the day on which the list was read

    Raises
    ------
    ConfigError
        If the folder cannot be written, or the prices do not go together.
    """
    file = folder / f"{renewed.region}.json"
    there = data.price_table(file, renewed.region)["prices"] if file.is_file() else {}
    entries = {**there, **{key: _entry(price) for key, price in renewed.taken.items()}}
    Prices(renewed.region, f"{today}", {key: from_entry(key, entry) for key, entry in entries.items()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(as_text(renewed.region, f"{today}", entries), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"prices: {file} cannot be written: {error}", fix="name another folder with --to") from error
    return file


def as_text(region: str, checked: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a price file as those in `data/prices/` are written, six lines a price, no number with an exponent.

    Examples
    --------
    >>> table = data.prices("us-east-1")
    >>> json.loads(as_text("us-east-1", table["checked"], table["prices"])) == table
    True
    """
    blocks = []
    for key, entry in entries.items():
        tiers = ", ".join(f'{{"up_to": {_number(x["up_to"])}, "usd": {_number(x["usd"])}}}' for x in entry["tiers"])
        free, pool = _number(entry["free_per_month"]), json.dumps(entry["free_pool"])
        said = ", ".join(f'"{name}": {_words(entry[name])}' for name in ("source", "date", "confidence"))
        blocks.append(
            f'    "{key}": {{\n'
            f'      "unit": {_words(entry["unit"])}, "free_per_month": {free}, "free_pool": {pool},\n'
            f'      "tiers": [{tiers}],\n'
            f"      {said},\n"
            f'      "note": {_words(entry["note"])}\n'
            "    }"
        )
    head = f'{{\n  "region": "{region}",\n  "currency": "USD",\n  "checked": "{checked}",\n  "prices": {{\n'
    return head + ",\n".join(blocks) + "\n  }\n}\n"


# --- where the files come from ---


def saved(folder: Path, *, nat: bool = False) -> list[Offer]:
    """Return what the price list's files in a folder say, and in the folders below it: `*.json`, and `*.csv` for EC2.

    Parameters
    ----------
    folder : with saved files, whatever their names
    nat : whether the file of EC2 is read too, for NAT gateways

    Raises
    ------
    ConfigError
        If there is no file, or one is in another layout.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".json", ".csv"))
    if not files:
        raise ConfigError(f"prices: in {folder} there is no file of the price list", fix="save .json files there")
    return [offer for file in files if (offer := _opened(file, nat)) is not None]


def fetched(region: str, *, nat: bool = False) -> Iterator[Offer]:
    """Yield what AWS's price list says today, one file after the other. This asks the network.

    Parameters
    ----------
    region : AWS region code
    nat : whether the file of EC2 is read too, for NAT gateways: 300 MB

    Raises
    ------
    ConfigError
        If a file cannot be had.
    """
    for code in OFFERS:
        if code != _NAT or nat:
            form = "csv" if code == _NAT else "json"
            url = f"{LIST_URL}/{code}/current/{region}/index.{form}"
            try:
                with urllib.request.urlopen(url, timeout=60) as answer, TextIOWrapper(answer, "utf-8") as text:
                    yield from_csv(text, url) if form == "csv" else from_json(json.load(text), url)
            except ConfigError:
                raise
            except (OSError, ValueError) as error:  # no network, no such file, not JSON
                raise ConfigError(
                    f"prices: {url} cannot be read: {error}",
                    fix="is there a network, and is this a region? Saved files are read with --from FOLDER",
                ) from error


def _opened(file: Path, nat: bool) -> Offer | None:
    try:
        with file.open(encoding="utf-8", newline="") as text:
            if not nat and _IS_NAT.search(text.read(2000)):
                return None
            text.seek(0)
            return from_csv(text, str(file)) if file.suffix == ".csv" else from_json(json.load(text), str(file))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"prices: {file} is no JSON: {error}", fix="save it again, or take it away") from error


# --- one price ---


def _renewed(model: Price, each: Listed) -> Price:
    """Return the price of the list in the words of ours, without what they said about the source."""
    note = re.sub(r"\s*\[.*?\]", "", model.note)
    if not each.product.is_seen:
        note = f"{note} [taken for usage type {each.product.usage_types[0]}, which was not seen before]".strip()
    return Price(
        key=each.product.key,
        unit=model.unit,
        tiers=each.tiers,
        # A pool has one size for all its prices; the list says it for some of them at most.
        free_per_month=each.free if each.free and model.free_pool is None else model.free_per_month,
        free_pool=model.free_pool,
        source=f"AWS price list {each.offer.code} {each.offer.version}",
        date=each.offer.published[:7],
        confidence="A",
        note=note,
    )


def _model(key: str) -> Price | None:
    books: Iterable[Prices] = map(price_book, data.price_regions())
    return next((book.by_key[key] for book in books if key in book.by_key), None)


def _is_doubtful(before: Price, after: Price) -> bool:
    was, will_be = before.tiers[0].usd, [tier.usd for tier in after.tiers]
    if was == 0 or 0 in will_be:
        return was != 0 or any(will_be)
    return not 1 / _FACTOR < will_be[0] / was < _FACTOR


def _figures(price: Price) -> tuple[object, ...]:
    return price.tiers, price.free_per_month


def _entry(price: Price) -> dict[str, Any]:
    tiers = [{"up_to": None if tier.up_to == float("inf") else tier.up_to, "usd": tier.usd} for tier in price.tiers]
    names = ("unit", "free_per_month", "free_pool", "source", "date", "confidence", "note")
    return {**{name: getattr(price, name) for name in names}, "tiers": tiers}


def _number(value: float | None) -> str:
    return "null" if value is None else plain(value)


def _words(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
