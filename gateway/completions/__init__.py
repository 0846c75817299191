"""Chat completions for programs, in OpenAI's words.

`read` a body into what is `Asked`, and `answer` it; who makes an `Asked` of their own does the same. `begin` gives the answer
that is about to be made, for those who write it in other words.
"""

from gateway.completions.answering import Answering, answer, begin
from gateway.completions.asked import Asked, read
from gateway.completions.books import settled

__all__ = ["Answering", "Asked", "answer", "begin", "read", "settled"]
