"""The language of texts, by their function words."""

import pytest

from lab.training.auto.language import WORDS, language_of

TEXTS = {
    "en": ["The pump of the plant is leaking again", "It was not on when we came", "There is smoke from the motor"],
    "es": ["La bomba de la planta pierde aceite y vibra", "El motor no arranca desde ayer",
           "Se cambió el rodamiento por uno nuevo"],
    "pt": ["A bomba da planta não liga", "O motor foi trocado ontem e ainda vibra muito",
           "Há um vazamento no tanque do óleo"],
}  # fmt: skip


@pytest.mark.parametrize("language", sorted(WORDS))
def test_languages_with_encoders_are_told_from_each_other(language: str) -> None:
    assert language_of(TEXTS[language]) == language
    assert language_of(text.upper() for text in TEXTS[language]) == language


@pytest.mark.parametrize(
    "texts", [[], [""], ["P-101 M-3 45 kW"], ["Die Pumpe ist kaputt und laut"], TEXTS["en"] + TEXTS["pt"]]
)
def test_what_is_not_clear_is_unknown(texts: list[str]) -> None:
    assert language_of(texts) is None
