"""The decision, told step by step: what ``sidecar explain`` and ``control explain`` print."""

from .evaluator import Evaluator, RequestFacts


def explain(evaluator: Evaluator, request: RequestFacts, now: float) -> list[str]:
    """A line for each check in its order, and the outcome last. No line ever holds a token, and no rate limit is
    used up."""
    steps: list[str] = []
    decision = evaluator.evaluate(request, now, steps, spend=False)
    verdict = "allowed" if decision.allowed else f"refused, {decision.reason}"
    steps.append(f"decision: {verdict} ({decision.detail}), by snapshot version {evaluator.snapshot.version}")
    return steps
