"""Lowering: the pieces of work that an invocation does after its own."""

from chainkit.records import Piece, Pool, within
from chainkit.simulation import kernel as k
from chainkit.simulation import primitives as m
from chainkit.simulation.lower_calls import Calls
from chainkit.simulation.lower_links import ALWAYS


class Pieces(Calls):
    """Writes pieces with the instructions that own work and links are made of."""

    def _pieces(self, name: str, pool: Pool, leave: str, failed: str) -> None:
        """Write the pieces; `leave` is where the deadline cuts them, `failed` where one that fails leads."""
        around = [("", "", failed)]  # what leads to the next piece, where it goes on without it, where failures lead
        for piece in pool.pieces:
            while around[-1][0] != piece.caller:
                self.a.label(around.pop()[1])
            label = f"{leave}:{piece.name}"
            ends = f"{label}.failed" if piece.goes_on else around[-1][2]
            self._piece(name, pool, piece, leave, ends)
            around.append((piece.name, f"{label}.skip", ends))
        for _, label, _ in reversed(around[1:]):
            self.a.label(label)

    def _piece(self, name: str, pool: Pool, piece: Piece, leave: str, failed: str) -> None:
        """Write one piece, which may be skipped with all that hangs on it."""
        a, label = self.a, f"{leave}:{piece.name}"
        self._filter(f"{piece.caller or name}>{piece.name}", piece, f"{label}.skip")
        self._within(*within(pool.pieces, piece, name), piece.probability, label)
        work = a.law(f"{piece.name}.duration", piece.work)
        first = work if piece.first_work is None else a.law(f"{piece.name}.first", piece.first_work)
        a.emit(k.WORK, first, work, leave, self._speed(name), g=1.0)
        code = self.codes.get(piece.error_name, m.ERROR)
        if piece.error_rate > 0:
            a.emit(k.FAIL, code, a.chance(f"{piece.name}.error", piece.error_rate), failed)
        if piece.poison_fraction > 0:
            a.emit(k.FAIL, code, a.chance(f"{piece.name}.poison", piece.poison_fraction), failed, 1)
        if piece.goes_on:
            a.emit(k.JUMP, ALWAYS, 0, f"{label}.done")
            a.label(f"{label}.failed")
            a.emit(k.STATUS_, m.OK, 0, f"{label}.skip")
            a.label(f"{label}.done")
