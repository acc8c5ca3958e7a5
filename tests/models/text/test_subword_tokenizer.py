"""Learned and pretrained subword tokenizers."""

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.core.batches import Tokenizer
from lab.core.errors import RequestError
from lab.models.text.transformer import load_transformer
from lab.training.build.tokenizer import build_tokenizer, load_tokenizer

SYLLABLES = [f"{a}{b}{c} {c}{a}{b}" for a in ("ba", "ce") for b in ("fo", "gu", "la") for c in ("me", "ni", "po")] * 2
CORPUS = ["Bomba BOMBA bombeo fuga", "fuga en bomba, fugas", "niño café 日本"] * 4


def corpus() -> Iterator[list[str]]:
    return iter([CORPUS])


def test_a_learned_vocabulary_ignores_case_and_keeps_accents(small: Callable[..., Any]) -> None:
    uncased = build_tokenizer(small("bert"), corpus)
    assert isinstance(uncased, Tokenizer)
    assert uncased.encode(["NIÑO"], 9) == uncased.encode(["niño"], 9) != uncased.encode(["nino"], 9)
    cased = build_tokenizer(small("bert", lowercase=False), corpus)
    assert cased.encode(["BOMBA"], 9) != cased.encode(["bomba"], 9)
    assert uncased.fingerprint() != cased.fingerprint()


def test_lengths_count_special_tokens_and_truncation_keeps_them(small: Callable[..., Any]) -> None:
    tokenizer = build_tokenizer(small("bert"), corpus)
    assert tokenizer.unit == "tokens"
    (whole,) = tokenizer.encode(["fuga en bomba"], 512)
    assert tokenizer.lengths(["fuga en bomba"]) == [len(whole)]
    (truncated,) = tokenizer.encode(["fuga en bomba"], len(whole) - 1)
    assert len(truncated) == len(whole) - 1
    assert (truncated[0], truncated[-1]) == (whole[0], whole[-1])
    assert tokenizer.lengths(["fuga en bomba", ""]) == [len(whole), 2]  # truncation does not change later calls
    with pytest.raises(RequestError, match=r"data\.max_length=2: leaves no room"):
        tokenizer.encode(["fuga"], 2)


def test_the_vocabulary_size_is_a_maximum(small: Callable[..., Any]) -> None:
    def size(maximum: int) -> int:
        model = small("bert").model_copy(update={"vocabulary_size": maximum})
        return build_tokenizer(model, lambda: iter([SYLLABLES])).vocabulary_size

    whole = size(300)
    assert 60 < whole < 300
    assert size(whole - 5) == whole - 5


def test_rare_characters_are_unknown_in_a_small_vocabulary(small: Callable[..., Any]) -> None:
    tokenizer = build_tokenizer(small("bert").model_copy(update={"vocabulary_size": 32}), corpus)
    assert tokenizer.vocabulary_size <= 32
    assert [ids[1] for ids in tokenizer.encode(["a", "日"], 9)][1] == 0 == tokenizer.unknown_id
    assert tokenizer.encode(["a"], 9)[0][1] > 0


def test_the_same_texts_give_the_same_vocabulary(small: Callable[..., Any]) -> None:
    # the library's trainer alone would fail this test, because the seed of its hash maps is random
    model = small("bert").model_copy(update={"vocabulary_size": 60})
    assert len({build_tokenizer(model, lambda: iter([SYLLABLES])).fingerprint() for _ in range(8)}) == 1


def test_a_saved_or_pickled_tokenizer_is_the_same(small: Callable[..., Any], tmp_path: Path) -> None:
    tokenizer = build_tokenizer(small("roberta"), corpus)
    ids = tokenizer.encode(CORPUS, 12)
    tokenizer.save(tmp_path)
    for again in (load_tokenizer(tmp_path), pickle.loads(pickle.dumps(tokenizer))):
        assert again.encode(CORPUS, 12) == ids
        assert again.fingerprint() == tokenizer.fingerprint()
        assert (again.pad_id, again.longest, again.vocabulary_size) == (1, 512, tokenizer.vocabulary_size)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="tokenizer is gone"):
        load_tokenizer(tmp_path)


def test_a_pretrained_tokenizer_comes_from_its_folder(shipped: Callable[..., Any], published: Any) -> None:
    from transformers import AutoTokenizer

    folder = published()
    tokenizer = build_tokenizer(shipped("encoder", path=str(folder)), lambda: iter(()))
    expected = AutoTokenizer.from_pretrained(folder)("fuga por el sello")["input_ids"]
    assert tokenizer.encode(["fuga por el sello"], 64) == [expected]
    assert tokenizer.longest == 512


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_folder_with_only_a_vocabulary_uses_the_case_of_the_config(
    lowercase: bool, shipped: Callable[..., Any], published: Any
) -> None:
    folder = published()
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / file).unlink()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "bomba", "Bomba"]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    tokenizer = build_tokenizer(shipped("beto", path=str(folder), lowercase=lowercase), lambda: iter(()))
    assert tokenizer.encode(["Bomba"], 9) == [[2, 5 if lowercase else 6, 3]]


@pytest.mark.parametrize("file", ["tokenizer_config.json", "config.json"])
def test_code_in_a_model_folder_is_never_run_and_never_offered(
    file: str, shipped: Callable[..., Any], published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = published()
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nclass Evil: pass\n")
    settings = json.loads((folder / file).read_text())
    settings["auto_map"] = dict.fromkeys(("AutoConfig", "AutoModel"), "evil.Evil")
    settings["auto_map"]["AutoTokenizer"] = ["evil.Evil", "evil.Evil"]
    settings["tokenizer_class"] = "Evil"
    (folder / file).write_text(json.dumps(settings))
    prompts: list[str] = []
    monkeypatch.setattr("builtins.input", lambda text: prompts.append(text) or "y")
    model = shipped("encoder", path=str(folder))
    load_transformer(model, build_tokenizer(model, corpus))
    assert not prompts
    assert not (folder / "ran").exists()
