"""People's feedback in flows: a provider for `@human_feedback` that waits, or lets the flow pause."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack, cast
from uuid import uuid4

from crewai.flow.async_feedback import HumanFeedbackPending, PendingFeedbackContext
from crewai.llms.base_llm import BaseLLM
from crewai.utilities.i18n import I18N_DEFAULT
from typing_extensions import override

from signoff.errors import AlreadyStarted, Refused, Rejected, where
from signoff_agents.gating import Away, Call, Verdict, apart, batch_of, blocking, decide, refused, settle

if TYPE_CHECKING:
    from crewai.flow import Flow

    from signoff.client import Gate
    from signoff.client.fields import Fields

CHOSEN = "signoff/chosen"
"""The name of the model that reads out what people chose."""
BREAK = "\n\n"
"""Between the outcome and what a person says about it."""
TITLE = 300
"""Characters of a title."""

log = logging.getLogger("signoff")


class Feedback:
    """`@human_feedback(message="Publish it?", provider=feedback)`: people say in Slack or Teams what they think.

    With outcomes, `@human_feedback(..., emit=["publish", "rewrite"], provider=feedback, llm=feedback.llm)`: people
    choose one of them, and say what they like to say. The feedback that the flow sees is then the outcome, an empty
    line, and their words. CrewAI would have a language model guess the outcome, and would take no words at all for the
    first one; `feedback.llm` reads out what was chosen, and with any other one nobody is asked (ValueError).

    `mode="block"`: waits in the flow. `mode="pause"`: asks, and the flow pauses until `resume`; CrewAI keeps it.
    `rejected`: the outcome that a rejection stands for; its words are the refusal's sentence. Otherwise whatever is no
    feedback, such as a rejection or an expired request, is raised and the flow ends: a `signoff.NotRun`. `fields`:
    those of `Gate.ask`.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        mode: Literal["block", "pause"] = "block",
        rejected: str | None = None,
        **fields: Unpack[Fields],
    ) -> None:
        self.llm: BaseLLM = Chosen()
        self._gate = gate
        self._mode = mode
        self._rejected = rejected
        self._fields = fields

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        """CrewAI's side: called in a thread of its own when a method has ended. Raises HumanFeedbackPending, NotRun."""
        self._check(context)
        if self._mode == "block":
            earlier = sum(one.method_name == context.method_name for one in flow.human_feedback_history)
            return self._text(context, blocking(decide(self._gate, self._call(context, earlier))))
        try:
            blocking(batch_of(self._gate, [self._call(context)]).send())
        except Exception as error:  # noqa: BLE001  # the flow pauses all the same, and `resume` asks
            log.warning("the feedback on %s could not be asked for yet: %s", context.method_name, where(error))
        raise HumanFeedbackPending(context=context, callback_info={"run_id": context.flow_id})

    async def resume(self, flow: Flow[Any]) -> Any:
        """Wait for the feedback that a flow has paused for, and go on until it has ended; its result.

        `flow`: the paused one, or after a restart `MyFlow.from_pending(flow_id, persistence)`. None when nothing waits.
        People are not asked again. Whoever goes on first says so in a notice, which nobody can say twice. Raises
        AlreadyStarted when that was another attempt: it goes on, or it has crashed, and then only
        `flow.resume(feedback)` helps. Raises Unavailable, while the flow stays paused, and what else is no feedback.
        """
        result: Any = None
        kept = flow.persistence
        if flow.pending_feedback is None and kept is not None and kept.load_pending_feedback(flow.flow_id) is not None:
            flow = cast(
                "Flow[Any]", type(flow).from_pending(flow.flow_id, kept)
            )  # the one that has paused does not know it
        while (context := flow.pending_feedback) is not None:
            self._check(context)
            call = self._call(context)
            text = self._text(context, await self._verdict(call))
            await self._claim(context, call, text)
            context.llm = cast("Any", self.llm)  # what was written down of it is its name alone
            result = await flow.resume_async(text)
        return result

    def resume_blocking(self, flow: Flow[Any]) -> Any:
        """See `resume`; for code that is not async. The flow runs on a thread of its own."""
        return apart(self.resume(flow))

    def _check(self, context: PendingFeedbackContext) -> None:
        if not context.emit:
            return
        model = cast("dict[str, object]", context.llm).get("model") if isinstance(context.llm, dict) else context.llm
        if model != CHOSEN and not isinstance(model, Chosen):
            raise ValueError(
                f"{context.method_name}: give @human_feedback llm=feedback.llm; another one would guess the outcome "
                "from people's words"
            )
        if self._rejected is not None and self._rejected not in context.emit:
            raise ValueError(f"{context.method_name}: {self._rejected!r} is none of its outcomes")

    def _call(self, context: PendingFeedbackContext, earlier: int | None = None) -> Call:
        """`earlier`: how often this method was given feedback before; None: the pause has a time of its own."""
        output: Any = context.to_dict()["method_output"]
        shown = cast("Mapping[str, object]", output) if isinstance(output, dict) else {"output": output}
        if earlier is None:
            which = context.requested_at.isoformat()
        else:
            content = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
            which = f"{earlier}-{content[:32]}"
        said = {
            "title": context.message[:TITLE] or None,
            "allowed_decisions": ("respond", "reject"),
            "response_schema": _form(context.emit),
            **self._fields,
        }
        return Call(
            tool=context.method_name,
            arguments=shown,
            run_id=context.flow_id,
            call_id=f"{context.method_name}-{which}",
            fields=cast("Fields", said),
        )

    async def _verdict(self, call: Call) -> Verdict:
        """Found as it was asked for, as a batch of one: only a batch is sent without being waited for."""
        try:
            [decision] = await batch_of(self._gate, [call]).decisions()
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(call, error)
        return await settle(self._gate, call, decision)

    def _text(self, context: PendingFeedbackContext, verdict: Verdict) -> str:
        """What the flow goes on with. Raises what there is instead, a NotRun."""
        if verdict.kind == "answer" and not context.emit:
            return verdict.said or ""
        if verdict.kind == "answer" and isinstance(verdict.answer, dict):
            given = cast("dict[str, object]", verdict.answer)
            if given.get("outcome") in (context.emit or ()):
                return _joined(str(given["outcome"]), given.get("feedback"))
        if isinstance(verdict.error, Rejected) and self._rejected is not None:
            return _joined(self._rejected, verdict.said)
        raise verdict.error or Away(tool=context.method_name, reason="")

    async def _claim(self, context: PendingFeedbackContext, call: Call, text: str) -> None:
        """One attempt goes on. An answer has nothing to burn, but the ids of a notice are taken once."""
        chosen = text.partition(BREAK)[0] if context.emit else "with people's feedback"
        try:
            await self._gate.notify(
                f"{context.method_name} goes on: {chosen}",
                {"flow": context.flow_class, "attempt": str(uuid4())},
                run_id=call.run_id,
                tool_call_id=f"{call.call_id}-resumed",
            )
        except Refused as error:
            raise AlreadyStarted(tool=context.method_name, when="an unknown time", ending="") from error


class Chosen(BaseLLM):
    """In the place of the language model that guesses an outcome from people's words: reads out what they chose."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**cast("Any", {"model": CHOSEN, **given}))

    @override
    def call(self, messages: Any, *args: Any, response_model: Any = None, **kwargs: Any) -> Any:
        """Raises ValueError for whatever is not the question which outcome a feedback of ours means."""
        schema = response_model.model_json_schema()["properties"].get("outcome", {}) if response_model else {}
        outcomes = cast("list[str]", schema.get("enum") or [schema.get("const")])
        template = I18N_DEFAULT.slice("human_feedback_collapse")
        before, _, after = template.format(feedback="\0", outcomes=", ".join(map(str, outcomes))).partition("\0")
        prompt = str(messages[-1]["content"])
        said = prompt.removeprefix(before).removesuffix(after)
        outcome = said.partition(BREAK)[0]
        if f"{before}{said}{after}" != prompt or outcome not in outcomes:
            raise ValueError("no outcome was chosen")
        return response_model(outcome=outcome)


def _form(emit: list[str] | None) -> dict[str, object]:
    """What people fill in."""
    text: dict[str, object] = {"type": "string", "title": "Feedback"}
    if not emit:
        return {**text, "minLength": 1}
    outcome: dict[str, object] = {"type": "string", "title": "Outcome", "enum": list(emit)}
    return {"type": "object", "properties": {"outcome": outcome, "feedback": text}, "required": ["outcome"]}


def _joined(outcome: str, feedback: object) -> str:
    return f"{outcome}{BREAK}{feedback}" if feedback else outcome
