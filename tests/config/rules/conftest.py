"""The mistakes that all rules see in a config, by their keys."""

from lab.config.rules import contradictions


def keys_of_mistakes(config: dict[str, object], wrong: frozenset[str] = frozenset()) -> list[str]:
    nested: dict[str, object] = {}
    for key, value in config.items():
        *parents, leaf = key.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})  # type: ignore[assignment]
        node[leaf] = value
    return [mistake.key for mistake in contradictions(nested, wrong)]
