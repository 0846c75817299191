"""About a thousand distinct exchanges to draw demo traffic from. Pure: the same number gives the same words."""

import random
from dataclasses import dataclass
from typing import Any

COUNT = 1_000

SUBJECTS = (
    "tide tables", "sourdough bread", "a leaking tap", "the water cycle", "invoice numbering", "chess openings", "bicycle brakes",
    "home insulation", "container gardening", "a rental contract", "unit testing", "database indexes", "a marathon plan",
    "solar panels", "the French subjunctive", "a wedding speech", "loan interest", "soil acidity", "an apology letter",
    "network latency", "a trip by night train", "museum opening hours", "coffee grinding", "a board meeting", "data retention",
    "acoustic guitars", "the history of glass", "spreadsheet formulas", "a garden pond", "meal planning", "wool felting",
    "a customer survey", "release notes", "swimming technique", "probability", "a shared kitchen", "paper recycling",
    "regular expressions", "an onboarding checklist", "mountain weather",
)  # fmt: skip
QUESTIONS = (
    "Explain {subject} to somebody who has never met it.",
    "What are the three most common mistakes with {subject}?",
    "Write a short summary about {subject} for a newsletter.",
    "How do I get started with {subject} when time is short?",
    "Compare two ways of dealing with {subject} and recommend one.",
    "Give me a checklist for {subject}, at most five points.",
    "Which questions should I ask an expert about {subject}?",
    "Translate the essentials of {subject} into plain words.",
    "Why does {subject} matter more than people think?",
    "Find the weak point in this plan about {subject}.",
)
OPENINGS = (
    "In short, {subject} is mostly a matter of patience.",
    "Begin with what you can measure: {subject} rewards small steps.",
    "There are two schools of thought on {subject}.",
    "The usual advice about {subject} is half right.",
    "Good question, and the answer depends on scale.",
)
POINTS = (
    "Write down what you see before you change anything.",
    "Keep the first version small enough to throw away.",
    "Check the result twice, once in the morning and once in the evening.",
    "Ask who will look after it next year.",
    "Prefer the cheaper tool until it gets in the way.",
    "Measure the time that it takes, then halve the steps.",
    "Leave a margin of a tenth for surprises.",
    "Compare with the manual, because memory is kind to habits.",
    "Do the difficult part while you are rested.",
    "Put a date on it and tell somebody.",
    "Note the exceptions: they teach more than the rule.",
    "Stop as soon as the numbers no longer improve.",
)
CLOSINGS = (
    "Should I go into more detail on any of these?",
    "That covers the essentials.",
    "With that you can start today.",
    "Tell me what you have tried so far and I can be more precise.",
)
SYSTEM = {"role": "system", "content": "You are a helpful assistant. Answer briefly and say when you are not sure."}


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked and answered, and how many tokens that took."""

    question: str
    answer: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def content(self) -> dict[str, Any]:
        """By part, as an event carries it."""
        return {"messages": [SYSTEM, {"role": "user", "content": self.question}], "reply": self.answer}


def exchanges(count: int = COUNT) -> list[Exchange]:
    """The first `count` of them. Each has a reference number of its own, so that a rare word can be searched for."""
    return [_exchange(number) for number in range(count)]


def _exchange(number: int) -> Exchange:
    dice = random.Random(number)
    subject = SUBJECTS[number % len(SUBJECTS)]
    question = f"{QUESTIONS[number // len(SUBJECTS) % len(QUESTIONS)].format(subject=subject)} Reference ref{number:04}."
    points = " ".join(dice.sample(POINTS, dice.randint(2, 5)))
    answer = f"{dice.choice(OPENINGS).format(subject=subject)} {points} {dice.choice(CLOSINGS)}"
    return Exchange(question, answer, 22 + len(question) // 4, len(answer) // 4)
