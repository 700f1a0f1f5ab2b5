"""Carriers: connections to the relay, which carry one letter at a time each.

They know neither the database nor the keys. Whoever hands a letter out gets a reply for it, and a carrier gets its
next letter only then: so the letter before it is settled first. All of them talk in the thread of the sender, which
waits for all at once; only connecting, which is rare and slow, has a thread of its own.
"""

import select
import smtplib
import time
import weakref
from collections.abc import Callable
from threading import Thread

from campaign.mailing.relay import RelayConnection
from campaign.mailing.talking import Fate, Parcel, Reply, Talk, reply

IDLE_SECONDS = 5.0
"""A connection that carries nothing for so long is closed."""

CONNECTING_SECONDS = 0.01
"""While a connection is being made, it is asked so often whether it is there."""


class Carriers:
    """A number of carriers, connected when there is something to carry. Their connections go with them."""

    def __init__(self, connect: Callable[[], RelayConnection], size: int) -> None:
        self.size = size
        self._connect = connect
        self._all: list[_Carrier] = []
        self._idle: list[_Carrier] = []
        self._out: dict[_Carrier, Parcel] = {}
        weakref.finalize(self, _hang_up, self._all)

    @property
    def busy(self) -> int:
        """How many letters are out."""
        return len(self._out)

    @property
    def free(self) -> int:
        """How many letters can be handed out now."""
        return self.size - self.busy

    def hand_out(self, parcel: Parcel) -> None:
        """Let a free carrier carry it."""
        if self._idle:
            carrier = self._idle.pop()
        else:
            carrier = _Carrier(self._connect())
            self._all.append(carrier)
        self._out[carrier] = parcel
        carrier.begin(parcel)

    def collect(self) -> list[tuple[Parcel, Reply]]:
        """The replies that have come; waits for one if none has. Each frees its carrier."""
        while not (back := self._back()):
            self._wait()
        self._idle += back
        return [(self._out.pop(carrier), said) for carrier, said in back.items()]

    def rest(self) -> None:
        """Close what has had nothing to carry for a while."""
        for carrier in self._idle:
            carrier.rest()

    def _back(self) -> "dict[_Carrier, Reply]":
        return {carrier: said for carrier in self._out if (said := carrier.look())}

    def _wait(self) -> None:
        """Until something has come for anybody, or somebody wants to look at the time; and let them go on.

        Whoever has been answered is not late, however long nobody looked: we may have waited for the database.
        """
        poll = select.poll()
        talks = {carrier.talk.wire.number: carrier.talk for carrier in self._out if carrier.talk}
        for number, talk in talks.items():
            poll.register(number, talk.wire.awaits)
        patience = min(carrier.talk.seconds_left if carrier.talk else CONNECTING_SECONDS for carrier in self._out)
        for number, _event in poll.poll(1000 * patience):
            talks.pop(number).go_on()
        for talk in talks.values():
            talk.look_at_the_time()


def _hang_up(carriers: "list[_Carrier]") -> None:
    for carrier in carriers:
        carrier.connection.hang_up()


class _Carrier:
    """One connection: it is being made, or carries a letter (`talk`), or is idle."""

    def __init__(self, connection: RelayConnection) -> None:
        self.connection = connection
        self.talk: Talk | None = None
        self._connecting: _Connecting | None = None
        self._idle_since = 0.0

    def begin(self, parcel: Parcel) -> None:
        """Carry a letter, over a new connection if none is open."""
        wire = self.connection.wire
        if wire is None:
            self._connecting = _Connecting(self.connection, parcel)
            self._connecting.start()
        else:
            self.talk = Talk(parcel, self.connection, wire)

    def look(self) -> Reply | None:
        """What became of the letter, once it is known."""
        if self._connecting and not self._connecting.is_alive():
            done, self._connecting = self._connecting, None
            if done.failure:
                return done.failure
            self.begin(done.parcel)
        return self._look_at(self.talk) if self.talk else None

    def rest(self) -> None:
        """Close what has been idle for long."""
        if self.connection.wire and time.monotonic() > self._idle_since + IDLE_SECONDS:
            self.connection.take_leave()

    def _look_at(self, talk: Talk) -> Reply | None:
        if talk.reply is None:
            return None
        self.talk, self._idle_since = None, time.monotonic()
        was_used, is_used_up = self.connection.letters > 1, self.connection.is_used_up
        if self.connection.speaker.is_over:
            self.connection.hang_up()
        elif is_used_up:
            self.connection.take_leave()
        if talk.reply.fate is Fate.BROKEN_OFF and was_used:
            self.begin(talk.parcel)  # the relay had closed a connection that waited
            return None
        return talk.reply


class _Connecting(Thread):
    """Makes the connection for a letter; `failure` says what came of it, if it is not there when this has ended."""

    def __init__(self, connection: RelayConnection, parcel: Parcel) -> None:
        super().__init__(name="connecting", daemon=True)
        self.connection = connection
        self.parcel = parcel
        self.failure: Reply | None = None

    def run(self) -> None:
        try:
            self.connection.connect()
        except smtplib.SMTPResponseException as error:
            self.failure = reply(Fate.UNREACHED, error.smtp_code, error.smtp_error)
        except Exception as error:  # whatever it is, a letter's fate is to be known
            self.failure = Reply(Fate.UNREACHED, text=type(error).__name__)
