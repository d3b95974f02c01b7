"""One simulated annotator over HTTP: sends what the page's script does, and counts the replies."""

import asyncio
import json
import math
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import numpy as np

from ..errors import StudyError
from ..study.questions import STAGES, example_answers
from ..study.sessions import CHOICES
from .observers import Annotator, Stimulus
from .participants import Habit

RETRY_SECONDS = 60.0
"""Seconds for which a request is sent again after no reply or a server error."""
EXPECTATION_DRAWS = 100
"""Answers drawn at each trial to estimate how often an annotator is wrong there."""

Json = dict[str, Any]


@dataclass
class Visit:
    """What one annotator went through.

    Attributes:
        session: its identifier.
        code: the completion code, or None without one.
        replies: the acknowledged answers, by trial.
        differing: replies to a repeated answer that were not the bytes of the first.
        statuses: of all replies to answers.
        failures: requests without a reply, or with a 5xx.
        latencies: seconds to each reply to an answer.
        wrong: answers to trials other than attention that were meant to be wrong.
        judged: such trials.
        expected_wrong: how many of them the annotator has wrong on average, if asked for.
    """

    session: str
    code: str | None = None
    replies: dict[str, bytes] = field(default_factory=dict)
    differing: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    wrong: int = 0
    judged: int = 0
    expected_wrong: float | None = None


@dataclass(frozen=True)
class Truth:
    """The truth about a trial: whether its first image is generated, and whether it is obvious."""

    generated: bool
    attention: bool


ReadTruth = Callable[[str], Mapping[str, Truth]]
"""From a session to the truth about its trials."""


@dataclass(frozen=True)
class SimulationContext:
    """What all people of a simulation share.

    Attributes:
        expect: whether to work out `Visit.expected_wrong`.
        answered: called after each trial.
    """

    read_truth: ReadTruth
    seed: int
    expect: bool
    answered: Callable[[], None]
    tls: ssl.SSLContext


@dataclass
class Tab:
    """A window with the page of a session; requests that fail are counted in the visit."""

    client: httpx2.AsyncClient
    place: str
    visit: Visit
    form: str = ""

    async def load(self) -> Json:
        """Load the page and what it shows."""
        page = await self.request("GET", self.place)
        if page.status_code != 200:
            raise StudyError(f"a session's page is refused: {_refusal(page)}")
        self.form = page.text.split('name="form-token" content="')[1].split('"')[0]
        return _json(await self.request("GET", f"{self.place}/state"))

    async def post(self, what: str, body: Json) -> httpx2.Response:
        """Send as the page's script does."""
        headers = {"X-Form-Token": self.form}
        return await self.request("POST", f"{self.place}/{what}", body, headers)

    async def request(
        self, method: str, url: str, body: Json | None = None, headers: Json | None = None
    ) -> httpx2.Response:
        """Send until a reply comes that is not a server error.

        Raises:
            StudyError: if none does.
        """
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                reply = await self.client.request(method, url, json=body, headers=headers)
                failure = f"{reply.status_code}"
                if reply.status_code < 500:
                    return reply
            except httpx2.TransportError as error:
                failure = type(error).__name__
            self.visit.failures[failure] += 1
            if time.monotonic() > deadline:
                raise StudyError(f"{method} {url.partition('/s/')[0]}: {failure} for a minute")
            await asyncio.sleep(0.1)


@dataclass
class Person:
    """Somebody who takes part, numbered from 0."""

    context: SimulationContext
    number: int
    link: str
    annotator: Annotator
    habit: Habit

    def __post_init__(self) -> None:
        # Other streams than those of the study's plans, which may have the same seed.
        self.rng = np.random.default_rng([self.context.seed, 10, self.number])
        # Expected errors have draws of their own, so that working them out changes no answer.
        self.other_rng = np.random.default_rng([self.context.seed, 11, self.number])
        self.order = random.Random(f"{self.context.seed} {self.number}")
        self.visit = Visit("")
        self.known: Mapping[str, Truth] = {}
        self.decided: dict[str, tuple[bool, float]] = {}
        self.protocol, self.feedback = "single", False
        self.told = {True: 0, False: 0}

    async def join(self) -> None:
        """Follow the invitation.

        Raises:
            StudyError: if it leads nowhere.
        """
        async with self._client() as client:
            reply = await Tab(client, "", self.visit).request("GET", self.link)
        if reply.status_code != 303:
            raise StudyError(f"annotator {self.number} cannot join: {_refusal(reply)}")
        self.place = str(reply.url.join(reply.headers["location"]))
        self.visit.session = self.place.rpartition("/")[2]

    async def take_part(self) -> Visit:
        """Go from consent to the code, or as far as the habit goes."""
        for share in (self.habit.leaves, 1.0) if self.habit.returns else (self.habit.leaves,):
            async with self._client() as client:
                tabs = [Tab(client, self.place, self.visit) for _ in range(self.habit.tabs)]
                state = [await tab.load() for tab in tabs][0]
                state = await self._begin(tabs[0], state)
                self.protocol, self.feedback = state["protocol"], state["feedback"]
                state = await self._answer(tabs, state, math.ceil(share * state["total"]))
                state = await self._respond(tabs[0], state)
            if state["stage"] == "done":
                self.visit.code = state["completion"]["code"]
        return self.visit

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(verify=self.context.tls, timeout=RETRY_SECONDS)

    async def _begin(self, tab: Tab, state: Json) -> Json:
        if state["stage"] == "consent":
            version = {"version": state["consent"]["version"]}
            reply = await tab.post("consent", version)
            if reply.status_code == 403:
                raise StudyError(f"annotator {self.number} cannot join: {_refusal(reply)}")
            state = _json(reply)
        state = await self._respond(tab, state)
        if state["stage"] == "tutorial":
            state = _json(await tab.post("tutorial", {}))
        return state

    async def _respond(self, tab: Tab, state: Json) -> Json:
        """Answer the owner's own questions where they are open."""
        if state["stage"] in STAGES:
            values = example_answers(state["questions"])
            body = {"stage": state["stage"], "values": values}
            state = _json(await tab.post("responses", body))
        return state

    async def _answer(self, tabs: list[Tab], state: Json, most: int) -> Json:
        """Answer so many trials of the session at most; return its state then."""
        stage, waiting = state["stage"], state["trials"]
        before: Json | None = None
        while stage == "trials" and waiting[0]["number"] < most:
            if self.habit.reloads:
                waiting = (await tabs[0].load())["trials"]
            trial, *following = waiting
            await self._fetch_images(tabs, trial)
            await self._send_copies(tabs, before, trial, following)
            self.context.answered()
            reply = json.loads(self.visit.replies[trial["trial"]])
            stage, waiting, before = reply["stage"], reply["next"], trial
            if reply["feedback"] is not None:
                self.told[reply["feedback"]["truth"] == CHOICES[self.protocol][0]] += 1
        if before is not None and self.habit.sends > 1:
            await self._send(tabs[0], before)
        return await tabs[0].load()

    async def _fetch_images(self, tabs: list[Tab], trial: Json) -> None:
        for tab in tabs:
            for image in trial["images"]:
                above = self.place.rpartition("/s/")[0]  # the study may lie below a path
                reply = await tab.request("GET", above + image)
                elsewhere = len(tabs) > 1 or trial["trial"] in self.visit.replies
                if reply.status_code != 200 and not elsewhere:
                    raise StudyError(f"an image cannot be fetched: {_refusal(reply)}")

    async def _send_copies(
        self, tabs: list[Tab], before: Json | None, trial: Json, following: list[Json]
    ) -> None:
        """Send a trial's answer, with late and early copies of others as the habit has it."""
        batch = [(tab, trial, bool(place % 2)) for place, tab in enumerate(tabs)]
        if self.habit.sends > 1:
            batch += [(tabs[0], trial, False)] * (self.habit.sends - 2)
            batch += [(tabs[0], asked, False) for asked in (before,) if asked is not None]
            if trial["trial"] not in self.visit.replies:
                batch += [(tabs[0], asked, False) for asked in following]
        for _, asked, _ in batch:
            self._decide(asked)
        self.order.shuffle(batch)
        await asyncio.gather(*(self._send(*entry) for entry in batch))
        if trial["trial"] not in self.visit.replies:
            raise StudyError("the answer to an open trial was refused")

    async def _send(self, tab: Tab, trial: Json, opposite: bool = False) -> None:
        said, reaction = self.decided[trial["trial"]]
        first, other = CHOICES[self.protocol]
        body = {
            "trial": trial["trial"],
            "answer": first if said != opposite else other,
            "reaction_ms": reaction,
            "shown_ms": trial["exposure_ms"] or reaction,
            "ignored": 0,
            "screen": {"width": 1280, "height": 720, "ratio": 1, "shown_px": 256},
        }
        started = time.perf_counter()
        reply = await tab.post("answers", body)
        self.visit.latencies.append(time.perf_counter() - started)
        self.visit.statuses[reply.status_code] += 1
        if reply.status_code == 200:
            same = self.visit.replies.setdefault(trial["trial"], reply.content)
            self.visit.differing += same != reply.content

    def _decide(self, trial: Json) -> None:
        """Draw the answer to a trial, once: copies of an answer are all the same."""
        if trial["trial"] in self.decided:
            return
        if trial["trial"] not in self.known:  # lost images come again as new trials
            self.known = self.context.read_truth(self.visit.session)
        truth = self.known[trial["trial"]]
        exposure = math.inf if trial["exposure_ms"] is None else float(trial["exposure_ms"])

        stimulus = Stimulus(
            truth.generated,
            trial["number"],
            exposure,
            self.feedback,
            truth.attention,
            self.told[True],
            self.told[False],
        )
        self.decided[trial["trial"]] = self.annotator.answer(stimulus, self.rng)
        if not truth.attention:
            visit = self.visit
            visit.judged += 1
            visit.wrong += self.decided[trial["trial"]][0] != truth.generated
            if self.context.expect:
                answers = [
                    self.annotator.answer(stimulus, self.other_rng)
                    for _ in range(EXPECTATION_DRAWS)
                ]
                wrong = sum(said != truth.generated for said, _ in answers)
                visit.expected_wrong = (visit.expected_wrong or 0.0) + wrong / EXPECTATION_DRAWS


def _json(reply: httpx2.Response) -> Json:
    if reply.status_code != 200:
        raise StudyError(f"the server refuses: {_refusal(reply)}")
    found: Json = reply.json()
    return found


def _refusal(reply: httpx2.Response) -> str:
    if reply.headers.get("content-type", "").startswith("application/json"):
        return f"{reply.status_code}, {reply.json()['error']}"
    return str(reply.status_code)
