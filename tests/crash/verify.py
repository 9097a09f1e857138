"""Is the data that a restarted server holds explained by what its clients sent?

Each writer's own keys must be what *some* prefix of its commands makes of them, a prefix that holds all it was promised;
the shared keys must then hold exactly the effects of these prefixes, in one order. Because several prefixes can lead to
the same state, a prefix is known as a range.
"""

from collections import Counter

from model import Mismatch, Model, read_keys, same, touched
from node import Failure
from workload import SHARED_COUNTER, SHARED_FROM, SHARED_LOG, SHARED_QUEUE, SHARED_TO, TX_COUNT, TX_LAST, TX_LOG, TX_SET

SHARED = (SHARED_COUNTER, SHARED_FROM, SHARED_LOG, SHARED_QUEUE, SHARED_TO, TX_COUNT, TX_LAST, TX_LOG, TX_SET)


class Prefix:
    """The first `low` to `high` units of a writer happened; beyond, none did."""

    def __init__(self, units, low, high):
        self.units, self.low, self.high = units, low, high


class Verifier:
    """Remembers, from round to round, what the server held after the last restart."""

    def __init__(self, names):
        self.names = names
        self.base = {name: {} for name in names}
        self.shared = {}

    def check(self, connection, done, promised_until=None):
        """Compare with the state after a restart. Units answered up to `promised_until` (unix time; None: all answered
        ones) must be there."""
        held = self._read(connection)
        prefixes = {}
        for name in self.names:
            promised = _promised(done.units[name][: done.answered[name]], promised_until)
            prefixes[name] = self._prefix(name, done, promised, held[name])
        _check_causes(prefixes)
        shared = {key: value.data for key, value in read_keys(connection, SHARED).items()}
        SharedState(self.shared, shared, prefixes).check()
        _check_seen(done.seen, promised_until, held, shared)
        self.base, self.shared = held, shared
        return sum(p.low for p in prefixes.values())

    def check_unchanged(self, connection):
        """Restarted without a write since: all must be as it was."""
        held = self._read(connection)
        for name in self.names:
            differing = _differing(self.base[name], held[name])
            if differing:
                raise Failure("changed without a write:\n" + _describe(differing, self.base[name], held[name]))

    def _read(self, connection):
        keys = connection.call("KEYS", "w*:*")
        held = read_keys(connection, keys)
        return {name: {k: v for k, v in held.items() if k.startswith(name + b":")} for name in self.names}

    def _prefix(self, name, done, promised, held):
        units = done.units[name]
        model = Model(self.base[name])
        for unit in units[:promised]:
            _apply(model, unit, done.died)
        differing = _differing(model.keys, held)
        matches, nearest = [], (len(differing), promised, _describe(differing, model.keys, held))
        for happened in range(promised, len(units) + 1):
            if not differing:
                matches.append(happened)
            elif len(differing) < nearest[0]:
                nearest = (len(differing), happened, _describe(differing, model.keys, held))
            if happened < len(units):
                _apply(model, units[happened], done.died)
                for key in (key for command in units[happened].commands for key in touched(command)):
                    (differing.discard if same(model.keys.get(key), held.get(key)) else differing.add)(key)
        if not matches:
            raise Failure(
                f"no prefix of the {len(units)} units of {name.decode()} explains its keys; {promised} were promised, "
                f"{done.answered[name]} answered; nearest is {nearest[1]}:\n{nearest[2]}"
            )
        return Prefix(units, matches[0], matches[-1])


def _promised(answered, until):
    if until is None:
        return len(answered)
    return sum(1 for unit in answered if unit.answered <= until)


def _apply(model, unit, died):
    if unit.kind == "shared" or (unit.tag and unit.tag[0] in ("tx", "short")):
        return
    window = (int(unit.sent * 1000), int((unit.answered or died) * 1000) + 1)
    try:
        for command, reply in zip(unit.commands, unit.replies()):
            model.apply(command, reply, window)
    except Mismatch as mismatch:
        raise Failure(f"while it ran, before the restart: {mismatch}") from mismatch


def _differing(expected, held):
    return {key for key in expected.keys() | held.keys() if not same(expected.get(key), held.get(key))}


def _describe(differing, expected, held):
    return "\n".join(
        f"  {key.decode()}\n    expected {expected.get(key)!r}\n    holds    {held.get(key)!r}"
        for key in sorted(differing)[:4]
    )


def _check_causes(prefixes):
    """What was sent after the answer to something lost is lost as well: the log is a prefix of one order."""
    lost = min((p.units[p.high].answered for p in prefixes.values() if _answered(p)), default=None)
    for name, prefix in prefixes.items():
        if lost is not None and prefix.low and prefix.units[prefix.low - 1].sent > lost:
            raise Failure(
                f"unit {prefix.low - 1} of {name.decode()} survived, though sent after the answer to a lost one"
            )


def _answered(prefix):
    return prefix.high < len(prefix.units) and prefix.units[prefix.high].answered is not None


def _check_seen(seen, promised_until, held, shared):
    for when, key, value in seen:
        if promised_until is not None and when > promised_until:
            continue
        if key in (SHARED_LOG, TX_LOG):
            gone = value not in shared.get(key, ())
        else:
            own = held.get(key.split(b":")[0], {}).get(key)
            now = own.data if own else shared.get(key, b"0")
            gone = int(now) < int(value)
        if gone:
            raise Failure(f"a client had read {value!r} from {key!r}, and it is gone")


class SharedState:
    """The keys that all writers add to: `before` the round, and what is `held` now."""

    def __init__(self, before, held, prefixes):
        self.before, self.held, self.prefixes = before, held, prefixes

    def check(self):
        self._check_order("shared:log", self._list(self.before, SHARED_LOG), self._list(self.held, SHARED_LOG), "log")
        self._check_order("shared:from and shared:to", self._moved(self.before), self._moved(self.held), "from")
        self._check_transactions()
        self._check_counter()
        self._check_queue()

    def _list(self, keys, key):
        return keys.get(key, [])

    def _moved(self, keys):
        """LPUSH feeds `from`, LMOVE takes its last and puts it first: read from the right, `to` then `from` is one order."""
        return self._list(keys, SHARED_TO)[::-1] + self._list(keys, SHARED_FROM)[::-1]

    def _units(self, prefix, kind, count):
        return [unit for unit in prefix.units[:count] if unit.tag and unit.tag[0] == kind]

    def _elements(self, kind):
        """Per writer: the elements that must be there, and those that may follow."""
        for name, prefix in self.prefixes.items():
            may = [unit.tag[1] for unit in self._units(prefix, kind, prefix.high)]
            yield name, may, len(self._units(prefix, kind, prefix.low))

    def _check_order(self, what, before, now, kind):
        if now[: len(before)] != before:
            raise Failure(f"{what}: what was there before the round has changed: {_first_difference(before, now)}")
        added = _by_writer(now[len(before) :])
        for name, may, must in self._elements(kind):
            got = added.pop(name, [])
            if got != may[: len(got)] or len(got) < must:
                raise Failure(
                    f"{what}: {must} to {len(may)} elements of {name.decode()} expected; {_first_difference(may, got)}"
                )
        if added:
            raise Failure(f"{what}: elements of nobody: {added}")

    def _check_transactions(self):
        log = self._list(self.held, TX_LOG)
        self._check_order("shared:tx:log", self._list(self.before, TX_LOG), log, "tx")
        parts = {
            TX_LAST: self.held.get(TX_LAST) == (log[-1] if log else None),
            TX_COUNT: int(self.held.get(TX_COUNT, 0)) == len(log),
            TX_SET: self.held.get(TX_SET, {}).keys() == set(log),
        }
        for key, whole in parts.items():
            if not whole:
                raise Failure(
                    f"half a transaction: {key.decode()} is {str(self.held.get(key))[-200:]}, the log ends in {log[-2:]}"
                )

    def _check_counter(self):
        before = int(self.before.get(SHARED_COUNTER, 0))
        low = before + sum(len(self._units(p, "counter", p.low)) for p in self.prefixes.values())
        high = before + sum(len(self._units(p, "counter", p.high)) for p in self.prefixes.values())
        now = int(self.held.get(SHARED_COUNTER, 0))
        if not low <= now <= high:
            raise Failure(f"shared:counter is {now}, expected {low} to {high}")

    def _check_queue(self):
        """Pushed elements are in the queue, or were popped: by whom is known, unless the pop was not answered."""
        now = self._list(self.held, SHARED_QUEUE)
        twice = [element for element, count in Counter(now).items() if count > 1]
        if twice:
            raise Failure(f"shared:queue holds twice: {twice[:5]}")
        surely, maybe, unknown = set(), set(), 0
        for prefix in self.prefixes.values():
            for at, unit in enumerate(prefix.units[: prefix.high]):
                if unit.tag and unit.tag[0] == "pop":
                    unknown += unit.reply is None
                    if isinstance(unit.reply, bytes):
                        if unit.reply in surely | maybe:
                            raise Failure(f"{unit.reply!r} was popped twice")
                        (surely if at < prefix.low else maybe).add(unit.reply)
        back = surely & set(now)
        if back:
            raise Failure(f"shared:queue: popped elements are back: {sorted(back)[:5]}")
        left, before = set(now), set(self._list(self.before, SHARED_QUEUE))
        missing = before - left - surely - maybe
        order = _by_writer(element for element in now if element not in before)
        for name, may, must in self._elements("queue"):
            missing |= set(may[:must]) - left - surely - maybe
            mine = [element for element in may if element in left]
            if order.pop(name, []) != mine:
                raise Failure(f"shared:queue: the elements of {name.decode()} are out of order or unknown")
        if order:
            raise Failure(f"shared:queue: elements of nobody: {order}")
        if len(missing) > unknown:
            raise Failure(
                f"shared:queue: {len(missing)} elements are gone, {unknown} pops were not answered: {sorted(missing)[:5]}"
            )


def _by_writer(elements):
    found = {}
    for element in elements:
        found.setdefault(element.split(b".")[0], []).append(element)
    return found


def _first_difference(expected, got):
    for at, (one, other) in enumerate(zip(expected, got)):
        if one != other:
            return f"at {at} {one!r} expected, {other!r} found"
    return f"{len(expected)} expected, {len(got)} found"
