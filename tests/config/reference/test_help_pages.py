"""Help on the terminal fits a screen, explains every choice, and names what it does not know."""

import pytest

from lab.config.reference.help_pages import choices, groups, overview, page
from lab.config.schema import Config
from lab.config.schema.report import ReportRequest
from lab.config.shipped import CONF
from lab.core.errors import RequestError

WIDTH = 100


def shown(*words: str) -> str:
    return page(words, Config, CONF, "config", WIDTH)


def test_the_overview_has_every_choice_and_models_by_task() -> None:
    text = overview(Config, CONF, WIDTH)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.count("\n") < 26
    for part in ("texts, questions: albert", "series: inception_time", "questions: qa_demo, squad", "adamw"):
        assert part in " ".join(text.split()), part


@pytest.mark.parametrize("group", groups(Config, CONF))
def test_every_choice_says_what_it_is(group: str) -> None:
    assert [name for name, about in choices(group, CONF).items() if not about] == []
    assert all(f"{group}={name}" in shown(group) for name in choices(group, CONF))


def test_a_group_without_kinds_shows_its_keys() -> None:
    assert "  trainer.min_epochs [0]" in shown("trainer")
    assert "cache.max_gib [20]" in shown("cache")


def test_a_choice_shows_its_own_keys_and_defaults() -> None:
    text = shown("scheduler=one_cycle")
    assert text.startswith("scheduler=one_cycle: The one-cycle policy")
    assert "scheduler.pct_start [0.3]" in text
    assert "warmup_ratio" not in text
    assert "model.dimension [64]" in shown("model=ngram")


def test_a_key_shows_its_meaning_and_so_do_the_keys_below_it() -> None:
    assert " ".join(shown("seed").split()) == "seed [42] Seed of weights, order of rows and dropout."
    assert "optimizer.lr" in shown("optimizer.lr")
    assert {line.split()[0] for line in shown("data.max_rows").splitlines() if line.startswith("  data")} == {
        "data.max_rows.train", "data.max_rows.val", "data.max_rows.test",
    }  # fmt: skip
    assert "sweep.limits.timeout" in shown("sweep.limits")


def test_several_words_are_several_pages() -> None:
    text = shown("peft", "seed")
    assert text.index("peft=lora") < text.index("seed [42]")


def test_every_unknown_word_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(RequestError) as raised:
        shown("optimiser", "model=bto")
    assert [mistake.remedy for mistake in raised.value.mistakes] == ["--help optimizer", "--help model=beto"]


def test_other_commands_explain_their_keys() -> None:
    text = page(["top_k", "statistics"], ReportRequest, CONF, "report", WIDTH)
    assert "Rows of the leaderboard" in text
    assert "statistics." in text
