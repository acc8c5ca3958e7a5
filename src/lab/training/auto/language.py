"""The language of texts by their commonest function words: enough to tell the languages that have encoders in conf/.

A text votes for the language with most function words among its words. Words that two of the languages share are left
out. No package is needed; other languages are unknown (None), and so are texts of a few key words.
"""

import re
from collections import Counter
from collections.abc import Iterable

WORDS = {
    "en": "the of and to is in that it for was on are with as his they be at this have from or had by not but what all "
          "were we when your can there an which their if will how about out them she been my i me it's",
    "es": "el la los las y en un una del por con su al lo más pero sus le ya este sí porque esta son entre está cuando "
          "muy sin sobre también hay donde quien desde todo nos durante todos uno les ni contra otros ese eso",
    "pt": "o os do da em um uma para com não no na dos das ao pelo pela são foi mais mas ele ela seu sua nos nas até "
          "isso também já só muito há quando você eu à às qual depois sem mesmo aos seus quem",
}  # fmt: skip
_LISTS = {name: set(words.split()) for name, words in WORDS.items()}
_SHARED = {word for name, words in _LISTS.items() for other, more in _LISTS.items() if other != name
           for word in words & more}  # fmt: skip
LEAST_VOTES, LEAST_SHARE = 0.2, 0.6
"""Share of the texts that must have a vote, and of the votes that the language must have."""
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def language_of(texts: Iterable[str]) -> str | None:
    """Return the code of the language of most texts; None if it is not clear.

    >>> language_of(["The pump of the plant is leaking", "It was not on when we came"])
    'en'
    """
    votes, num = Counter[str](), 0
    for text in texts:
        num += 1
        words = Counter(_TOKEN.findall(text.lower()))
        counts = {name: sum(words[word] for word in known - _SHARED) for name, known in _LISTS.items()}
        best = max(counts, key=lambda name: counts[name])
        if counts[best] > sorted(counts.values())[-2]:
            votes[best] += 1
    if not votes or votes.total() < LEAST_VOTES * num:
        return None
    name, most = votes.most_common(1)[0]
    return name if most >= LEAST_SHARE * votes.total() else None
