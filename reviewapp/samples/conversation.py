"""Messages as chat data sets write them: checked, given one spelling, split into prompt and completion."""

from __future__ import annotations

import json
from typing import Any

from reviewapp.samples.parsing.rows import ValueProblem

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}


def messages_of(value: Any) -> list[dict[str, str]]:
    """Messages as [{"role", "content"}] with roles system, user, assistant.

    Takes a list, or its JSON text; also the keys "from" and "value". Raises ValueProblem with the reason otherwise.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueProblem("The messages are not valid JSON.") from error
    if not isinstance(value, list) or not value:
        raise ValueProblem("The messages must be a list with at least one message.")
    return [_message(item, place) for place, item in enumerate(value, start=1)]


def _message(item: Any, place: int) -> dict[str, str]:
    if not isinstance(item, dict):
        raise ValueProblem(f"Message {place} must be an object with role and content.")
    role, content = item.get("role", item.get("from")), item.get("content", item.get("value"))
    if not isinstance(role, str) or role.casefold() not in _ROLES:
        raise ValueProblem(f"Message {place}: role “{role}” is not known. Use system, user or assistant.")
    if not isinstance(content, str) or not content.strip():
        raise ValueProblem(f"Message {place} has no text in “content”.")
    return {"role": _ROLES[role.casefold()], "content": content}


def completion_of(messages: list[dict[str, str]]) -> str:
    """The last message, which must be the assistant's; raises ValueProblem otherwise."""
    if messages[-1]["role"] != "assistant":
        raise ValueProblem("The last message must be the assistant's: it is what the model learns to write.")
    return messages[-1]["content"]


def prompt_of(messages: list[dict[str, str]], *, has_completion: bool) -> str:
    """The messages before the completion as one text: a single user message alone, else each with its role."""
    before = messages[:-1] if has_completion else messages
    if not before:
        raise ValueProblem("There is no message before the assistant's, so there is no prompt.")
    if len(before) == 1 and before[0]["role"] == "user":
        return before[0]["content"]
    return "\n\n".join(f"{item['role'].capitalize()}: {item['content']}" for item in before)
