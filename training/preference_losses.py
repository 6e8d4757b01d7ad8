"""What preference tuning minimises, one number a row, and the figures told of the rows that were seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

import torch
from torch.nn.functional import logsigmoid

# ---- losses, of what each sequence gained in log-probability since the reference


def dpo_losses(chosen: torch.Tensor, rejected: torch.Tensor, beta: float) -> torch.Tensor:
    """One a pair: -log sigmoid(beta (chosen - rejected)) (Rafailov et al., arXiv 2305.18290, equation 7)."""
    return -logsigmoid(beta * (chosen - rejected))


def ipo_losses(chosen: torch.Tensor, rejected: torch.Tensor, beta: float) -> torch.Tensor:
    """One a pair: (chosen - rejected - 1 / (2 beta))^2 (Azar et al., arXiv 2310.12036, equation 17); gains a token."""
    return (chosen - rejected - 1 / (2 * beta)) ** 2


def learned_losses(chosen: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """One a pair: what learning the chosen completion as an answer costs a token (Pang et al., arXiv 2404.19733).

    A margin alone may be won by making both completions less likely, the rejected one more so.
    """
    return -chosen / tokens


def kto_losses(
    gains: torch.Tensor, moved: torch.Tensor, labels: torch.Tensor, beta: float, weights: tuple[float, float]
) -> torch.Tensor:
    """One a row (Ethayarajh et al., arXiv 2402.01306, equation 8); ``moved``: how far the model moved in general."""
    signed = torch.where(labels, gains - moved, moved - gains)
    weight = torch.where(labels, weights[0], weights[1])
    return weight * (1 - torch.sigmoid(beta * signed))


# ---- figures


@dataclass
class Seen:
    """What the batches since the last report gave, a number a row; of several processes each has its own rows."""

    losses: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)  # DPO: of each pair
    approved: list[float] = field(default_factory=list)  # KTO: rewards by judgement
    rejected: list[float] = field(default_factory=list)

    def told(self) -> dict[str, float]:
        """Margin and accuracy of the rewards; left out what cannot be said, a margin without both judgements."""
        found = {"rewards_accuracy": mean(self.right)} if self.right else {}
        if self.margins:
            return {"rewards_margin": mean(self.margins), **found}
        both = bool(self.approved and self.rejected)
        return {"rewards_margin": mean(self.approved) - mean(self.rejected), **found} if both else found


def together(parts: Iterable[Seen]) -> Seen:
    """Those of several processes as one."""
    found = Seen()
    for part in parts:
        for each in fields(Seen):
            getattr(found, each.name).extend(getattr(part, each.name))
    return found


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
