"""What each tool can do, by where its code was found in the installed version.

Evidence is `module` or `module:attribute`, imported in the peer's environment; of the template, which is no package, a
file of its repository. A module that needs a package outside is there with an extra. A cell without evidence is empty.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.contestants import HERE

PEERS: Mapping[str, tuple[str, str | None]] = {
    "lab": ("lab", HERE),
    "template": ("lightning-hydra-template", None),
    "ludwig": ("Ludwig", "ludwig"),
    "autogluon": ("AutoGluon (tabular)", "autogluon"),
    "trainer": ("transformers' Trainer", HERE),
    "ray": ("Ray Tune", HERE),
    "azure": ("Azure ML (SDK v2)", "azure"),
}
"""Title and environment by name; no environment: its repository was read."""
PROGRAM = """
import importlib, importlib.util, json, pathlib, sys
found = {}
for name in json.loads(sys.argv[1]):
    module, _, attribute = name.partition(":")
    try:
        thing = importlib.import_module(module)
        for part in attribute.split(".") if attribute else ():
            thing = getattr(thing, part)
        found[name] = True
    except ModuleNotFoundError as error:
        spec, own = importlib.util.find_spec(module), error.name.split(".")[0] == module.split(".")[0]
        there = spec and not own and attribute.split(".")[0] in pathlib.Path(spec.origin).read_text()
        found[name] = "extra: " + error.name if there else f"{type(error).__name__}: {error}"
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"[:150]
print("FOUND" + json.dumps(found))
"""


@dataclass(frozen=True)
class Feature:
    """en, es: its name. where: evidence by name of `PEERS`."""

    en: str
    es: str
    where: Mapping[str, str]


FEATURES: Sequence[Feature] = (
    Feature(
        "trains from settings alone, without code", "entrena con opciones, sin código",
        {"lab": "lab.commands.train", "ludwig": "ludwig.train:cli"},
    ),
    Feature(
        "a command predicts new rows", "una orden predice filas nuevas",
        {"lab": "lab.commands.predict", "ludwig": "ludwig.predict:cli"},
    ),
    Feature(
        "a command serves the model over HTTP", "una orden sirve el modelo por HTTP",
        {"lab": "lab.commands.serve", "ludwig": "ludwig.serve:cli",
         "azure": "azure.ai.ml.entities:ManagedOnlineDeployment"},
    ),
    Feature(
        "texts", "textos",
        {"lab": "lab.models.text.multitask_classifier", "ludwig": "ludwig.features.text_feature:TextInputFeature",
         "autogluon": "autogluon.features.generators:TextNgramFeatureGenerator",
         "trainer": "transformers:AutoModelForSequenceClassification"},
    ),
    Feature(
        "questions answered from a text", "preguntas que se responden con un texto",
        {"lab": "lab.inference.questions", "trainer": "transformers:AutoModelForQuestionAnswering"},
    ),
    Feature(
        "windows of time series", "ventanas de series temporales",
        {"lab": "lab.training.tasks.series_classification",
         "ludwig": "ludwig.features.timeseries_feature:TimeseriesInputFeature"},
    ),
    Feature(
        "forecasts of values", "pronósticos de valores", {"ludwig": "ludwig.forecast:cli"},
    ),
    Feature(
        "columns of numbers and categories", "columnas de números y categorías",
        {"ludwig": "ludwig.features.number_feature:NumberInputFeature",
         "autogluon": "autogluon.tabular:TabularPredictor"},
    ),
    Feature(
        "images", "imágenes",
        {"template": "src/data/mnist_datamodule.py", "ludwig": "ludwig.features.image_feature:ImageInputFeature",
         "trainer": "transformers:AutoModelForImageClassification"},
    ),
    Feature(
        "language models that write", "modelos de lenguaje que escriben",
        {"ludwig": "ludwig.models.llm:LLM", "trainer": "transformers:AutoModelForCausalLM"},
    ),
    Feature(
        "several label columns in one model", "varias columnas de etiquetas en un modelo",
        {"lab": "lab.models.text.multitask_classifier", "ludwig": "ludwig.models.ecd:ECD"},
    ),
    Feature(
        "adapters (LoRA)", "adaptadores (LoRA)",
        {"lab": "lab.models.peft.adapters", "ludwig": "ludwig.schema.llms.peft:LoraConfig",
         "trainer": "transformers.integrations.peft:PeftAdapterMixin"},
    ),
    Feature(
        "chooses a model by itself", "elige el modelo por sí mismo",
        {"lab": "lab.training.auto", "ludwig": "ludwig.automl:auto_train",
         "autogluon": "autogluon.tabular:TabularPredictor.fit", "azure": "azure.ai.ml.automl:text_classification"},
    ),
    Feature(
        "an ensemble of many models", "un conjunto de muchos modelos",
        {"autogluon": "autogluon.core.models:WeightedEnsembleModel"},
    ),
    Feature(
        "a search of hyperparameters", "búsqueda de hiperparámetros",
        {"lab": "lab.sweep", "template": "configs/hparams_search/mnist_optuna.yaml", "ludwig": "ludwig.hyperopt",
         "autogluon": "autogluon.core.hpo.executors", "trainer": "transformers:Trainer.hyperparameter_search",
         "ray": "ray.tune:Tuner", "azure": "azure.ai.ml.sweep:SweepJob"},
    ),
    Feature(
        "early termination of trials", "terminación temprana de ensayos",
        {"lab": "lab.early_termination", "ray": "ray.tune.schedulers:ASHAScheduler",
         "ludwig": "ludwig.schema.hyperopt.scheduler", "azure": "azure.ai.ml.sweep:BanditPolicy"},
    ),
    Feature(
        "population based training", "entrenamiento por poblaciones",
        {"ray": "ray.tune.schedulers:PopulationBasedTraining"},
    ),
    Feature(
        "an interrupted search is resumed", "una búsqueda interrumpida se reanuda",
        {"lab": "lab.sweep.study", "ludwig": "ludwig.hyperopt.execution:RayTuneExecutor",
         "ray": "ray.tune:Tuner.restore"},
    ),
    Feature(
        "simple models on the same rows, with an interval of the difference",
        "modelos simples con las mismas filas y un intervalo de la diferencia",
        {"lab": "lab.training.baselines.paired_bootstrap"},
    ),
    Feature(
        "texts that are in train and test are counted", "cuenta los textos que están en entrenamiento y prueba",
        {"lab": "lab.data.text.checks"},
    ),
    Feature(
        "calibrated probabilities", "probabilidades calibradas",
        {"lab": "lab.training.doubt.calibrate", "ludwig": "ludwig.utils.calibration:TemperatureScaling",
         "autogluon": "autogluon.core.calibrate.temperature_scaling:tune_temperature_scaling"},
    ),
    Feature(
        "explanations of predictions", "explicaciones de las predicciones",
        {"lab": "lab.inference.explain", "ludwig": "ludwig.explain.captum:IntegratedGradientsExplainer",
         "autogluon": "autogluon.tabular:TabularPredictor.feature_importance"},
    ),
    Feature(
        "have new rows changed?", "¿han cambiado las filas nuevas?",
        {"lab": "lab.inference.drift", "azure": "azure.ai.ml.entities:DataDriftSignal"},
    ),
    Feature(
        "figures that compare models", "figuras que comparan modelos",
        {"lab": "lab.report.figures", "ludwig": "ludwig.visualize:cli"},
    ),
    Feature(
        "a page that compares runs and opens without a network", "una página que compara ejecuciones sin red",
        {"lab": "lab.report.html"},
    ),
    Feature(
        "export to ONNX", "exportación a ONNX", {"lab": "lab.export.onnx_format"},
    ),
    Feature(
        "several devices", "varios dispositivos",
        {"lab": "lab.training.ranks", "template": "configs/trainer/ddp.yaml", "ludwig": "ludwig.backend.ray:RayBackend",
         "trainer": "accelerate:Accelerator", "ray": "ray.train.torch:TorchTrainer",
         "azure": "azure.ai.ml:PyTorchDistribution"},
    ),
    Feature(
        "rents machines and ends them", "alquila máquinas y las apaga", {"azure": "azure.ai.ml.entities:AmlCompute"},
    ),
    Feature(
        "reads a sweep job of Azure ML", "lee un trabajo de barrido de Azure ML",
        {"lab": "lab.sweep.definition.azure_job", "azure": "azure.ai.ml:load_job"},
    ),
)  # fmt: skip


def look(places: Mapping[str, Path]) -> dict[str, dict[str, bool | str]]:
    """{peer: {evidence: true, "extra: PACKAGE", or the error}} of each peer that is here. places: environment by name.

    Raises RuntimeError where an environment's Python cannot be run to its end.
    """
    result = {}
    for peer, (_, environment) in PEERS.items():
        if environment is None or (environment != HERE and environment not in places):
            continue
        python = sys.executable if environment == HERE else str(places[environment] / "bin" / "python")
        wanted = json.dumps([feature.where[peer] for feature in FEATURES if peer in feature.where])
        done = subprocess.run([python, "-c", PROGRAM, wanted], capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
        if not lines:
            raise RuntimeError(f"{peer}: exit {done.returncode}\n{done.stderr[-2000:]}")
        result[peer] = json.loads(lines[-1].removeprefix("FOUND"))
    return result
