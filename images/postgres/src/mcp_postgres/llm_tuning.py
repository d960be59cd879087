"""Stands where upstream has its index tuning by a language model.

That one calls a service of the web. This server has no way out and no key for it, and its packages (openai,
instructor and what these bring) would be a third of the memory and half of the time to start.
"""


class LLMOptimizerTool:
    def __init__(self, *_: object) -> None:
        raise ValueError("method 'llm' is not available here, because this server has no way to the web; use 'dta'")
