"""Command lines made at random of real keys, groups and values, of Hydra's grammar, and of what keyboards give."""

from functools import cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from hypothesis import strategies as st
from omegaconf import OmegaConf

from lab.config.dotted_keys import flattened

CONF = Path(__file__).resolve().parents[2] / "conf"
GROUPS = {
    path.parent.relative_to(CONF).as_posix(): sorted(one.stem for one in path.parent.glob("*.yaml"))
    for path in CONF.glob("*/*.yaml")
}
BASES = ([], ["data=csv"], ["data=rainfall", "model=patchtst"], ["data=squad"], ["model=ngram"], ["peft=lora"],
         ["data=series_table", "model=timer_xl"], ["model=minirocket", "data=ucr"])  # fmt: skip
NUMBERS = ("0", "1", "-1", "0.5", "1e-4", "1e400", "nan", "-inf", "9223372036854775807", "99999999999999999999", "007",
           "1_000", "3.0", "1e3", "0x10", ".5")  # fmt: skip
WORDS = ("null", "true", "off", "auto", "a", "TextoCódProblem", "Descripción larga", "val/f1_macro", "test/loss", "año",
         "日本", "x" * 300, "a/b.csv", "~/x", "..", "", " ", "it's", '"q"', "\u0085", "\U0001f600", "a\tb", "#",
         "%s", "\udcff")  # fmt: skip
GRAMMAR = ("[a,b]", "[1,2", "{a: 1}", "{a: {b: [1]}}", "{0: 2, 1: x}", "choice(1,2)", "choice()", "interval(1,2)",
           "tag(log,interval(1e-4,1e-2))", "range(1,4)", "range(4,1)", "glob(*)", "shuffle(1,2)", "sort(2,1)", "1,2",
           "int(3)", "json_str([1])", "[]", "{}", "[[[[]]]]")  # fmt: skip
REFERENCES = ("${seed}", "${nope}", "${model.lr}", "${oc.env:HOME}", "${oc.env:NO_SUCH}", "${now:%Y}", "${.a}",
              "${..b}", "${hydra:job.num}", "${", "${}", "${oc.select:x}", "${optimizer}", "${sweep}")  # fmt: skip
FLAGS = (
    "-m",
    "--multirun",
    "--cfg",
    "job",
    "--info",
    "-h",
    "--resolve",
    "--config-name",
    "--package",
    "-x",
    "--",
    "-r",
)


@cache
def keys() -> list[str]:
    """Dotted keys of a few configs, leaves and what holds them."""
    result = set()
    with initialize_config_dir(str(CONF)):
        for base in BASES:
            plain = OmegaConf.to_container(compose("config", list(base)), resolve=False)
            for key in flattened(plain):
                parts = key.split(".")
                result |= {".".join(parts[: number + 1]) for number in range(len(parts))}
    return sorted(result)


values = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.sampled_from(GRAMMAR),
    st.sampled_from(REFERENCES),
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    st.text(alphabet="[]{}(),:=$'\"\\ ab1.~+-", max_size=10),
)
misspelt = st.deferred(lambda: st.sampled_from(keys())).flatmap(
    lambda key: st.integers(0, max(0, len(key) - 1)).map(lambda at: key[:at] + key[at + 1 :])
)
any_key = st.one_of(
    st.deferred(lambda: st.sampled_from(keys())),
    st.deferred(lambda: st.sampled_from(keys())),
    misspelt,
    st.text(alphabet="abé.@/_-[]0", max_size=8),
)
plain_words = st.builds(
    lambda sign, key, value: f"{sign}{key}={value}", st.sampled_from(["", "", "", "", "+", "++", "~"]), any_key, values
)
choices = st.sampled_from(sorted(GROUPS)).flatmap(
    lambda group: st.one_of(st.sampled_from(GROUPS[group]), st.sampled_from(GROUPS[group]), values).map(
        lambda choice: f"{group}={choice}"
    )
)
words = st.one_of(plain_words, plain_words, plain_words, choices, any_key.map("~{}".format), st.sampled_from(WORDS))
LINES = st.one_of(
    st.lists(words, max_size=4).map(tuple),
    st.lists(words, max_size=4).map(tuple),
    st.lists(words, max_size=3).map(lambda line: ("-m", *line)),
    st.lists(words, max_size=3).map(lambda line: ("-m", "sweep=text", *line)),
    st.builds(lambda line, flag: (*line, flag), st.lists(words, max_size=2), st.sampled_from(FLAGS)),
)
"""Words behind `train.py`."""
